"""The pytest plugin that runs a worker's share of the tests, each in a process of its own where asked."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from enctest.events import TestFinished
from enctest.session import queue, units
from enctest.session.emitter import Emitter
from enctest.session.forking import OUTPUTS, nameless_file, reopen_captures
from enctest.session.forkpoint import fork, tail
from enctest.session.job import Job
from enctest.session.report_plugin import ReportPlugin

_LEAST_MS = 250.0
"""Milliseconds that a piece of a file has at least: tests of a file may have to do with each other."""


class LoopPlugin:
    """Takes units of tests from the run's queue, and runs them.

    Args:
        job: The run.
        emitter: Where records go.
        report: What tells of tests.
    """

    def __init__(self, job: Job, emitter: Emitter, report: ReportPlugin) -> None:
        self._job = job
        self._emitter = emitter
        self._report = report
        self._queue: int | None = None

    def take(self, job: Job, tickets: int | None) -> None:
        """Go on with another job, in a fork; `tickets` is the queue that its workers share."""
        self._job = job
        self._queue = tickets

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run this worker's share; pytest's own loop does where nothing is shared or isolated."""
        places = units.isolated(session.items, everything=self._job.isolate)
        isolated = {session.items[place] for place in places}
        if self._queue is None and not isolated:
            return None
        if session.config.option.collectonly:
            return True
        share = self._share(session, isolated)
        item = next(share, None)
        while item is not None:
            following = next(share, None)
            if item in isolated:
                self._run_apart(item)
            else:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            item = following
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        return True

    def _share(self, session: pytest.Session, isolated: set[pytest.Item]) -> Iterator[pytest.Item]:
        """Yield this worker's tests; isolated ones come first: nothing has run in the process by then."""
        apart = [item for item in session.items if item in isolated]
        together = [item for item in session.items if item not in isolated]
        works = [[item] for item in apart] + [
            together[unit.first : unit.end] for unit in self._units(together)
        ]
        if self._queue is None:
            yield from (item for work in works for item in work)
            return
        while (number := queue.ticket(self._queue)) is not None and number < len(works):
            yield from works[number]

    def _units(self, items: list[pytest.Item]) -> list[units.Unit]:
        known = [test for tests in self._job.files.values() for test in tests]
        durations = {test.test: test.ms for test in known if test.ms}
        failed = {test.test for test in known if test.failed}
        found = units.cut(items, self._job.workers, durations, _LEAST_MS) if self._queue is not None else []
        if not found:
            return [units.Unit(0, len(items), 0.0)]
        found.sort(key=lambda unit: not any(i.nodeid in failed for i in items[unit.first : unit.end]))
        return found

    def _run_apart(self, item: pytest.Item) -> None:
        """Run one test in a fork; if that dies, this worker tells."""
        outputs = {number: nameless_file() for number in OUTPUTS}
        isolation: Any = item.config.pluginmanager.getplugin("enctest-isolation")
        isolation.before_copies()
        self._emitter.park()
        pid = fork()
        if pid == 0:
            self._emitter.unpark()
            reopen_captures(item.config, outputs)
            isolation.in_copy("")
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            isolation.close()
            self._emitter.close()
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        isolation.reconnect()
        self._emitter.unpark()
        code = os.waitstatus_to_exitcode(status)
        output = "".join(tail(descriptor) for descriptor in outputs.values())
        for descriptor in outputs.values():
            os.close(descriptor)
        if code:
            self._emitter.emit(
                TestFinished(
                    run=self._job.run,
                    test=item.nodeid,
                    outcome="crashed",
                    duration_ms=0.0,
                    message=f"its process died: {_death(code)}",
                    failure=output,
                )
            )


def _death(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
