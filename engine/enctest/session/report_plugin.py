"""The pytest plugin that reports what happens to tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from enctest.events import RunFinished, TestFinished, TestStarted
from enctest.record import Record
from enctest.session import outcomes
from enctest.session.job import Job


class ReportPlugin:
    """Reports one session; to be registered after every other plugin of ours.

    Args:
        job: The run.
        emit: Takes records, costs nothing.
        flush: Sends them at once.
        adjust: The session has no terminal: undo what needs one.
    """

    def __init__(
        self,
        job: Job,
        emit: Callable[[Record], None],
        flush: Callable[[], None],
        *,
        adjust: bool = True,
    ) -> None:
        self.job = job
        self.stopped = ""
        self._emit = emit
        self._flush = flush
        self._results: dict[str, outcomes.Result] = {}
        self._begun = time.monotonic()
        self._root = Path(job.root)
        self._adjust = adjust

    def take(self, job: Job) -> None:
        """Go on with another job, in a fork."""
        self.job = job
        self._begun = time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Undo what has no sense without a terminal."""
        if self._adjust:
            config.option.usepdb = False

    # --- running ---

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        """Around everything, other plugins' part included: when a result is told, its trace is whole."""
        nodeid = item.nodeid
        self._results[nodeid] = outcomes.Result()
        self._emit(TestStarted(run=self.job.run, test=nodeid, worker=self.job.worker))
        self._flush()
        try:
            return (yield)
        finally:
            self.finished(nodeid)
            if nextitem is None:
                self._flush()  # else the next test's start sends it

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Send what is known before the test's own code runs: it may kill the process."""
        self._flush()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report of a phase."""
        if getattr(report, "outcome", "") == "rerun":
            self._results[report.nodeid] = outcomes.Result()
            return
        self._results.setdefault(report.nodeid, outcomes.Result()).reports.append(report)

    def discard(self, nodeid: str) -> None:
        """Forget the reports of a test that another process tells of."""
        self._results.pop(nodeid, None)

    def finished(self, nodeid: str, emit: Callable[[Record], None] | None = None) -> None:
        """Tell how a test ended, from its reports, through `emit` or as usual; nothing without reports."""
        result = self._results.pop(nodeid, None)
        if result is None or not result.is_conclusive:
            return
        report = result.decisive
        details: dict[str, Any] = {}
        if report is not None:
            details["path"], details["line"] = outcomes.place(report, self._root)
            details["message"], details["failure"] = outcomes.message(report), outcomes.failure_text(report)
        (emit or self._emit)(
            TestFinished(
                run=self.job.run,
                test=nodeid,
                outcome=result.outcome,
                duration_ms=result.duration_ms,
                sections=result.sections(),
                **details,
            )
        )

    # --- the end ---

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """The run was stopped, or `pytest.exit` was called."""
        self.stopped = str(excinfo.value) or "stopped"

    def pytest_internalerror(self, excrepr: object) -> None:
        """A plugin broke."""
        self.stopped = "\n".join(str(excrepr).splitlines()[-3:])

    def finish(self, exit_code: int) -> None:
        """Tell that the run is over."""
        self._emit(
            RunFinished(
                run=self.job.run,
                duration_ms=(time.monotonic() - self._begun) * 1000,
                stopped=self.stopped,
                exit_code=exit_code,
            )
        )
