"""The pytest plugin that narrows a session to its job and reports what happens."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from enctest.events import (
    Collected,
    FileCollected,
    RunFinished,
    RunStarted,
    TestFinished,
    TestInfo,
    TestRenamed,
    TestStarted,
)
from enctest.record import Record
from enctest.session import outcomes
from enctest.session.job import Job
from enctest.session.pairing import pair


class ReportPlugin:
    """Reports one session; to be registered after every other plugin of ours.

    Args:
        job: What to run; its `files` are relative to pytest's root, as node ids are.
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
        self.counts: Counter[str] = Counter()
        self.stopped = ""
        self._emit = emit
        self._flush = flush
        self._results: dict[str, outcomes.Result] = {}
        self._begun = time.monotonic()
        self._root = Path(job.root)
        self._rootpath = self._root
        self._wanted: set[Path] = set()
        self._folders: set[Path] = set()
        self._broken: list[str] = []
        self._paths: dict[str, str] = {}
        self._adjust = adjust

    # --- set-up ---

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Undo what has no sense without a terminal; learn which files are wanted."""
        if self._adjust:
            config.option.usepdb = False
        self._rootpath = config.rootpath
        if self.job.files is not None:
            self._wanted = {config.rootpath / path for path in self.job.files}
            self._folders = {folder for path in self._wanted for folder in path.parents}

    # --- collection ---

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out files and folders that hold nothing of the job."""
        if self.job.files is None or collection_path in self._wanted or collection_path in self._folders:
            return None
        return not any(folder in self._wanted for folder in collection_path.parents)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a file that could not be collected."""
        if report.failed:
            path, line = outcomes.place(report, self._root)
            self.counts["error"] += 1
            self._broken.append(report.nodeid)
            self._emit(
                TestFinished(
                    run=self.job.run,
                    test=report.nodeid or ".",
                    outcome="error",
                    duration_ms=0.0,
                    message=outcomes.message(report),
                    failure=outcomes.failure_text(report),
                    path=path,
                    line=line,
                )
            )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, Any, Any]:
        """After every other plugin has had its say: tell what there is, keep what is to run."""
        result = yield
        files: dict[str, list[pytest.Item]] = {path: [] for path in self.job.files or ()}
        for item in items:
            files.setdefault(item.nodeid.split("::", 1)[0], []).append(item)
        wanted: set[str] = set()
        for path, found in files.items():
            wanted |= self._collected(path, found)
        self._emit(Collected(run=self.job.run, tests=tuple(item.nodeid for item in items)))
        kept = [item for item in items if item.nodeid in wanted]
        dropped = [item for item in items if item.nodeid not in wanted]
        if dropped:
            config.hook.pytest_deselected(items=dropped)
            items[:] = kept
        self._emit(RunStarted(run=self.job.run, tests=tuple(i.nodeid for i in kept), reason=self.job.reason))
        self._flush()
        return result

    def _collected(self, path: str, items: list[pytest.Item]) -> set[str]:
        run, renamed = pair([item.nodeid for item in items], (self.job.files or {}).get(path, ()))
        if any(path == broken or path.startswith(f"{broken}/") for broken in self._broken):
            return run  # what it holds is not known now; its tests keep their results
        for new, old in renamed.items():
            self._emit(TestRenamed(old=old, new=new))
        self._emit(FileCollected(run=self.job.run, path=path, tests=tuple(self._info(i) for i in items)))
        return run

    def _info(self, item: pytest.Item) -> TestInfo:
        location, line, _ = item.location
        path = self._paths.get(location)
        if path is None:
            relative = os.path.relpath(self._rootpath / location, self._root)
            path = self._paths[location] = Path(relative).as_posix()
        markers = tuple(dict.fromkeys(mark.name for mark in item.iter_markers()))
        return TestInfo(test=item.nodeid, path=path, line=(line or 0) + 1, markers=markers)

    # --- running ---

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Around everything, other plugins' part included: when a result is told, its trace is whole."""
        nodeid = item.nodeid
        self._results[nodeid] = outcomes.Result()
        self._emit(TestStarted(run=self.job.run, test=nodeid))
        self._flush()
        try:
            return (yield)
        finally:
            self.finished(nodeid)

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
        if result is None or not result.reports:
            return
        self.counts[result.outcome] += 1
        report = result.decisive
        path, line = outcomes.place(report, self._root)
        (emit or self._emit)(
            TestFinished(
                run=self.job.run,
                test=nodeid,
                outcome=result.outcome,
                duration_ms=result.duration_ms,
                message=outcomes.message(report),
                failure=outcomes.failure_text(report),
                sections=result.sections(),
                path=path,
                line=line,
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
                counts=dict(self.counts),
                duration_ms=(time.monotonic() - self._begun) * 1000,
                stopped=self.stopped,
                exit_code=exit_code,
            )
        )
