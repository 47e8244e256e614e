"""Parallel plain runs: the session is collected once, then copied; the copies run the tests.

pytest-xdist starts processes that collect everything again, and talks to them test by test. Here a worker
is a fork of the collected session and takes work from a pipe without asking. Its reports go through the
session's hooks as if that had run the tests; so terminal, JUnit file, `-x` and exit codes are pytest's.
"""

from __future__ import annotations

import fcntl
import gc
import os
import select
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from enctest.session.board import CLOSING, IDLE, Board
from enctest.session.forking import OUTPUTS, fork, nameless_file, obstacle
from enctest.session.messages import Inbox, TestDone, WorkerDone
from enctest.session.parallel_worker import ParallelWorker, Share, Team
from enctest.session.queue import NumberQueue
from enctest.session.units import Unit, cut, isolated, neighbours
from enctest.session.units import apart as split
from enctest.session.xdist_options import Wanted, WorkerNameReads

INTERVAL = 0.02
"""Seconds between two looks at what workers have told; to be woken by each message costs more."""
PATIENCE = 5.0
"""Seconds that a stopped worker has for its test, then for its fixtures."""
_MOMENT = 0.3
_PIPE_SIZE = 2**20
_FALSE_STARTS = 10
"""Workers that may die in a row before they run a test."""


class Aside(Protocol):
    """What goes on beside the tests: recording and tracing."""

    def before_copies(self) -> None:
        """Copies are about to be made."""

    def copies(self) -> None:
        """One more copy is made."""

    def in_copy(self) -> None:
        """Go on in a copy."""

    def end_copy(self, exit_status: int) -> None:
        """A copy ends."""

    def told(self, nodeid: str) -> None:
        """A worker has recorded this test."""

    def crashed(self, nodeid: str) -> None:
        """A worker died in this test, which was reported as failed just now."""


@dataclass
class _Worker:
    """The session's end of a worker."""

    pid: int
    share: Share
    descriptor: int
    begun: float = field(default_factory=time.monotonic)
    inbox: Inbox = field(default_factory=Inbox)
    done: WorkerDone | None = None
    status: int | None = None

    def is_gone(self) -> bool:
        """Tell whether its process has ended, and learn how."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None


class ParallelRun:
    """Takes the place of pytest's own loop over the tests.

    Args:
        wanted: How many processes; None runs only isolated tests apart, one after the other.
        isolate: Give each test a process of its own.
        reads: Who has asked for a worker's name during collection.
        durations: Milliseconds by node id, from earlier runs.
        aside: Recording.
    """

    def __init__(
        self,
        wanted: Wanted | None,
        durations: Mapping[str, float],
        aside: Aside,
        *,
        isolate: bool = False,
        reads: WorkerNameReads | None = None,
    ) -> None:
        self._wanted = wanted
        self._isolate = isolate
        self._durations = durations
        self._aside = aside
        self._reads = reads
        self._workers: dict[int, _Worker] = {}
        self._numbers = 0
        self._left: set[int] = set()
        self._false_starts = 0

    def loop(self, session: pytest.Session) -> bool | None:
        """Run the tests in workers, unless pytest would run none, or there is a reason against it."""
        self._session = session
        if self._reads is not None:
            self._reads.stop()
        option = session.config.option
        broken = session.testsfailed and not option.continue_on_collection_errors
        apart = isolated(session.items, everything=self._isolate)
        size = self._wanted.resolve(session.config) if self._wanted else bool(apart)
        size = min(size, len(session.items))
        if broken or option.collectonly or not size:
            return None
        reason = _needs_terminal(session.config) or (self._reads.reader if self._reads else "") or obstacle()
        if reason:
            self._say(f"one process runs the tests: {reason}")
            return None
        self._prepare(size, apart)
        try:
            self._rounds()
        except BaseException:  # Ctrl+C and pytest.exit too: no worker may run on; it is raised again
            self._stop(at_once=True)
            raise
        finally:
            self._bury()
        return True

    def _prepare(self, size: int, apart: frozenset[int]) -> None:
        session = self._session
        self._team = Team(size, Board(size), apart, named=self._wanted is not None)
        factory: Any = getattr(session.config, "_tmp_path_factory", None)
        if factory is not None:
            factory.getbasetemp()  # here, so that all workers' are in it
        reporter: Any = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and reporter.verbosity == 0:
            reporter.showfspath = False  # tests of many files end in turn, as with pytest-xdist
        if self._wanted is not None:
            self._say(f"{size} worker{'s' if size > 1 else ''}")
        if apart:
            self._say(f"{len(apart)} of {len(session.items)} tests in processes of their own")
        self._left = set(range(len(session.items)))
        self._aside.before_copies()
        gc.freeze()  # else the first collection in each copy copies all pages

    def _say(self, text: str) -> None:
        reporter: Any = self._session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and reporter.verbosity >= 0:
            reporter.ensure_newline()
            reporter.write_line(f"enctest: {text}")

    # --- rounds ---

    def _rounds(self) -> None:
        """Run all tests; a second round only has what a worker that died had taken and not begun."""
        items = self._session.items
        units = split(cut(items, self._team.size, self._durations), self._team.isolated)
        while self._left:
            before = len(self._left)
            self._round(units)
            if len(self._left) == before:
                raise RuntimeError("workers end before they run a test")
            units = split(neighbours(sorted(self._left)), self._team.isolated)

    def _round(self, units: list[Unit]) -> None:
        queue = NumberQueue()
        try:
            queue.put(range(len(units)))
            for slot in range(min(self._team.size, len(units))):
                self._start(slot, units, queue)
            queue.close()
            while self._workers:
                queue.pump()
                self._wait()
                for worker in list(self._workers.values()):
                    gone = worker.is_gone()
                    self._listen(worker)
                    if gone:
                        self._ended(worker, units, queue)
        except BaseException:  # likewise: workers must find nothing more to take; it is raised again
            queue.drain()
            raise
        finally:
            queue.forget()

    def _start(self, slot: int, units: list[Unit], queue: NumberQueue) -> None:
        session, team = self._session, self._team
        reader, writer = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux: room for what a worker tells in an interval
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        outputs = {target: nameless_file() for target in OUTPUTS}
        share = Share(self._numbers, slot, units, queue, writer, outputs, os.getpid())
        self._numbers += 1
        team.board.set(slot, IDLE)
        self._aside.copies()
        pid = fork()
        if pid == 0:
            for other in self._workers.values():
                os.close(other.descriptor)
            ParallelWorker(session, team, share, self._aside.in_copy, self._aside.end_copy).run()
        os.close(writer)
        os.set_blocking(reader, False)
        self._workers[slot] = _Worker(pid, share, reader)

    def _wait(self) -> None:
        """Sleep until it is time to look, or a worker closes its pipe."""
        poller = select.poll()
        for worker in self._workers.values():
            if worker.done is None:
                poller.register(worker.descriptor, 0)
        ending = any(worker.done is not None for worker in self._workers.values())
        poller.poll(1 if ending else INTERVAL * 1000)

    def _listen(self, worker: _Worker) -> None:
        """Take what a worker has told."""
        while data := _read(worker.descriptor):
            for message in worker.inbox.feed(data):
                if isinstance(message, TestDone):
                    self._test_done(message)
                else:
                    worker.done = message

    # --- what workers tell ---

    def _test_done(self, message: TestDone) -> None:
        session = self._session
        item = session.items[message.index]
        self._left.discard(message.index)
        self._false_starts = 0
        config, hook = session.config, item.ihook
        for warning in message.warnings:
            config.hook.pytest_warning_recorded.call_historic(
                kwargs={
                    "warning_message": warning.message(),
                    "when": warning.when,
                    "nodeid": warning.nodeid,
                    "location": warning.location,
                }
            )
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in message.reports:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        self._aside.told(item.nodeid)
        self._heed(message.should_fail, message.should_stop)

    def _heed(self, should_fail: bool | str, should_stop: bool | str) -> None:
        """Stop where plain pytest would, also for a reason that only a worker's session knows."""
        session = self._session
        should_fail = session.shouldfail or should_fail
        should_stop = session.shouldstop or should_stop
        if should_fail or should_stop:
            self._stop()
        if should_fail:
            raise session.Failed(should_fail)
        if should_stop:
            raise session.Interrupted(should_stop)

    def _ended(self, worker: _Worker, units: list[Unit], queue: NumberQueue) -> None:
        del self._workers[worker.share.slot]
        done = worker.done
        if done is not None:
            _close(worker)
            self._judge(worker.share.name, done)
            if done.more:
                self._start(worker.share.slot, units, queue)
            return
        index = self._team.board.get(worker.share.slot)
        if index >= 0 and index in self._left:
            self._crashed(worker, index)
        elif index == CLOSING:
            raise RuntimeError(
                f"worker {worker.share.name} {_how(worker.status)} while it tore down fixtures"
            )
        else:
            self._false_starts += 1
            if self._false_starts > _FALSE_STARTS:
                raise RuntimeError(f"workers do not start: the last one {_how(worker.status)}")
        _close(worker)
        self._start(worker.share.slot, units, queue)

    def _judge(self, name: str, done: WorkerDone) -> None:
        if done.interrupted:
            raise KeyboardInterrupt
        if done.exit_reason is not None:
            pytest.exit(done.exit_reason, done.exit_code)
        if done.broken:
            raise RuntimeError(f"worker {name} broke\n{done.broken}")

    def _crashed(self, worker: _Worker, index: int) -> None:
        """Report the test that a worker died in as failed, with what it had printed."""
        item = self._session.items[index]
        self._left.discard(index)
        what = f"worker {worker.share.name!r} crashed while running {item.nodeid!r}: it {_how(worker.status)}"
        names = {1: "Captured stdout call", 2: "Captured stderr call"}
        texts = {names[target]: _text(output) for target, output in worker.share.outputs.items()}
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="failed",
            longrepr=what,
            when="call",
            sections=[(name, text) for name, text in texts.items() if text],
        )
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        self._aside.crashed(item.nodeid)
        self._heed(should_fail=False, should_stop=False)

    # --- the end ---

    def _stop(self, *, at_once: bool = False) -> None:
        """Let all workers end: after their tests, or by an interrupt, or else by force."""
        self._team.board.stop()
        if self._gone_within(_MOMENT if at_once else PATIENCE):  # Ctrl+C reaches the workers by itself
            return
        for worker in self._workers.values():
            if not worker.is_gone() and self._team.board.get(worker.share.slot) != CLOSING:
                os.kill(worker.pid, signal.SIGINT)
        self._gone_within(PATIENCE)

    def _gone_within(self, seconds: float) -> bool:
        """Wait for the workers to end; what they tell by now counts no more."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for slot, worker in list(self._workers.items()):
                while _read(worker.descriptor):
                    pass
                if worker.is_gone():
                    _close(worker)
                    del self._workers[slot]
            if not self._workers:
                return True
            time.sleep(0.005)
        return False

    def _bury(self) -> None:
        """Kill whoever is left."""
        for worker in self._workers.values():
            if not worker.is_gone():
                os.kill(worker.pid, signal.SIGKILL)
                os.waitpid(worker.pid, 0)
            _close(worker)
        self._workers.clear()


def _needs_terminal(config: pytest.Config) -> str:
    if config.getoption("usepdb", False) or config.getoption("trace", False):
        return "a debugger needs the terminal"
    return "fixtures are shown as they are set up" if config.getoption("setupshow", False) else ""


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _PIPE_SIZE)
    except BlockingIOError:
        return b""


def _close(worker: _Worker) -> None:
    for descriptor in (worker.descriptor, *worker.share.outputs.values()):
        os.close(descriptor)


def _text(descriptor: int) -> str:
    """Return what a file of captured output holds."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", "replace")


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit code {status}"
