"""The pytest plugin that decides which files are collected, and when, and tells what they hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

from enctest.events import Collected, FileCollected, RunStarted, TestFinished, TestInfo, TestRenamed
from enctest.record import Record
from enctest.session import outcomes
from enctest.session.job import Job, KnownTest
from enctest.session.pairing import pair


class Places(Protocol):
    """Who may suspend the process on the way."""

    def before_collection(self) -> None:
        """Nothing is collected yet."""

    def collected(self) -> None:
        """Everything is; the job may be another one afterwards."""


class CollectionPlugin:
    """Collects what its job wants; a job that comes later, in a fork, may want other files.

    Files that no job wanted so far are put off: pytest knows them, nothing of them is imported.

    Attributes:
        begun: pytest has begun to collect.

    Args:
        job: What to run; its `files` are relative to pytest's root, as node ids are.
        emit: Takes records, costs nothing.
        places: Who may suspend the process; None in plain runs.
    """

    def __init__(self, job: Job, emit: Callable[[Record], None], places: Places | None = None) -> None:
        self.job = job
        self.begun = False
        self._emit = emit
        self._places = places
        self._root = Path(job.root)
        self._rootpath = self._root
        self._wanted: set[Path] = set()
        self._folders: set[Path] = set()
        self._broken: dict[str, pytest.CollectReport] = {}
        self._order: dict[pytest.Collector, int] = {}
        self._put_off: dict[Path, list[pytest.Collector]] = {}
        self._paths: dict[str, str] = {}
        self._may_put_off = False
        self._items: list[pytest.Item] = []
        self._conftests: dict[Path, ModuleType | None] = {}

    def take(self, job: Job) -> None:
        """Go on with another job, in a fork."""
        self.job = job
        self._wanted = {self._rootpath / path for path in job.files}
        self._folders = {folder for path in self._wanted for folder in path.parents}

    def files(self) -> list[str]:
        """Return the files that are collected, relative to pytest's root."""
        collected = {node.path for node in self._order if node.path not in self._put_off}
        return sorted(_relative(path, self._rootpath) for path in collected)

    def has_tests_of(self, file: str) -> bool:
        """Tell whether any collected test is a function of this file (an absolute path), or stands in it."""
        codes = (getattr(getattr(item, "function", None), "__code__", None) for item in self._items)
        return any(getattr(code, "co_filename", None) == file for code in codes) or any(
            str(item.path) == file for item in self._items
        )

    # --- what is collected ---

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Learn where pytest's root is."""
        self._rootpath = config.rootpath
        self.take(self.job)
        self._may_put_off = self._places is not None and not any("::" in arg for arg in config.args)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Collection begins."""
        if self._places is not None:
            self._places.before_collection()
        self.begun = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out what holds nothing of the job, unless other jobs are to go on from here."""
        if (
            self.job.everything
            or self.job.hold
            or collection_path in self._wanted
            or collection_path in self._folders
        ):
            return None
        return not any(folder in self._wanted for folder in collection_path.parents)

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport | None:
        """Put off a file that is not wanted now: it holds nothing, for the time being."""
        if not isinstance(collector, pytest.File):
            return None
        self._order.setdefault(collector, len(self._order))
        if not self._may_put_off or not self._is_late(collector.path):
            return None
        self._put_off.setdefault(collector.path, []).append(collector)
        self._conftests[collector.path] = sys.modules.get("conftest")
        return pytest.CollectReport(collector.nodeid, "passed", None, [])

    def _is_late(self, path: Path) -> bool:
        if _relative(path, self._rootpath) in self.job.last:
            return True
        return not self.job.everything and path not in self._wanted

    def _collect_late(self, session: pytest.Session) -> Iterator[pytest.Item]:
        """Collect what was put off and is wanted: first what the job has last for a reason, in its order."""
        first = [path for path in self._put_off if _relative(path, self._rootpath) not in self.job.last]
        last = [self._rootpath / path for path in self.job.last]
        self._may_put_off = False
        for path in [*first, *last]:
            if path in self._put_off and (self.job.everything or path in self._wanted):
                if conftest := self._conftests.pop(path, None):
                    sys.modules["conftest"] = conftest  # the nearest one, as if it were collected in its turn
                for collector in self._put_off.pop(path):
                    getattr(session, "_collection_cache", {}).pop(collector, None)
                    yield from session.genitems(collector)
        self._may_put_off = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep a file that could not be collected."""
        if report.failed:
            self._broken[report.nodeid] = report

    # --- telling ---

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, Any, Any]:
        """Before every other plugin: see to it that the items are the job's. After: keep what is to run."""
        late = list(self._collect_late(session))
        items += late
        if self._places is not None:
            self._items = items
            self._places.collected()
            self._items = []
            more = list(self._collect_late(session))
            items += more
            if late or more:
                items.sort(key=self._place)
            if not self.job.everything:
                items[:] = [item for item in items if self._is_of_job(item.nodeid)]
        result = yield
        self._choose(config, items)
        return result

    def _place(self, item: pytest.Item) -> int:
        return next((self._order[node] for node in item.listchain() if node in self._order), -1)

    def _is_of_job(self, nodeid: str) -> bool:
        file = nodeid.split("::", 1)[0]
        files = self.job.files
        return self.job.everything or file in files or any(file.startswith(f"{path}/") for path in files)

    def _choose(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        files: dict[str, list[pytest.Item]] = {path: [] for path in self.job.files}
        for item in items:
            files.setdefault(item.nodeid.split("::", 1)[0], []).append(item)
        self._tell_broken()
        wanted: set[str] = set()
        for path, found in files.items():
            wanted |= self._collected(path, found)
        self._tell(Collected(run=self.job.run, tests=tuple(item.nodeid for item in items)))
        kept = [item for item in items if item.nodeid in wanted]
        dropped = [item for item in items if item.nodeid not in wanted]
        if self.job.order:
            place = {test: number for number, test in enumerate(self.job.order)}
            kept.sort(key=lambda item: place.get(item.nodeid, len(place)))
            items[:] = kept
        if dropped:
            config.hook.pytest_deselected(items=dropped)
            items[:] = kept
        self._tell(RunStarted(run=self.job.run, tests=tuple(i.nodeid for i in kept), reason=self.job.reason))

    def _tell(self, event: Record) -> None:
        """Of several workers that see the same, one tells it."""
        if self.job.worker == 0:
            self._emit(event)

    def _tell_broken(self) -> None:
        for report in self._broken.values():
            folder = f"{report.nodeid}/" if report.nodeid not in ("", ".") else ""
            if not self._is_of_job(report.nodeid) and not any(p.startswith(folder) for p in self.job.files):
                continue
            path, line = outcomes.place(report, self._root)
            self._tell(
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

    def _collected(self, path: str, items: list[pytest.Item]) -> set[str]:
        known: tuple[KnownTest, ...] = self.job.files.get(path, ())
        run, renamed = pair([item.nodeid for item in items], known)
        if any(path == broken or path.startswith(f"{broken}/") for broken in self._broken):
            return run  # what it holds is not known now; its tests keep their results
        for new, old in renamed.items():
            self._tell(TestRenamed(old=old, new=new))
        self._tell(FileCollected(run=self.job.run, path=path, tests=tuple(self._info(i) for i in items)))
        return {item.nodeid for item in items} if self.job.everything else run

    def _info(self, item: pytest.Item) -> TestInfo:
        location, line, _ = item.location
        path = self._paths.get(location)
        if path is None:
            relative = os.path.relpath(self._rootpath / location, self._root)
            path = self._paths[location] = Path(relative).as_posix()
        markers = tuple(dict.fromkeys(mark.name for mark in item.iter_markers()))
        return TestInfo(test=item.nodeid, path=path, line=(line or 0) + 1, markers=markers)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
