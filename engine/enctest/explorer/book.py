"""The book of tests: what each last did, and which are outdated. Pure state, no input or output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from enctest.events import BAD_OUTCOMES, Figures, Outcome, TestFinished, TestInfo, TestState
from enctest.session.job import KnownTest
from enctest.store.rows import StoredTest

_UNKNOWN_MS = 20.0
"""Milliseconds that a test is taken to need before it has ever run."""

NEVER = 0
"""The change that outdated a test which has never run."""


@dataclass(slots=True)
class Entry:
    """One test.

    Attributes:
        outdated: Number of the change that outdated it, None when it is fresh.
        run: Number of the run it ran in last.
        ran: Number of the last change before that.
        warm: What a warm run said, where a fresh process said otherwise.
        key: Stands for the state of all that it needs; empty until that is known.
        figures: What its last trace adds up to; `base` is that of the last pass before.
        recent: Its last runs, see `remembered`.
    """

    info: TestInfo
    file: str
    order: int
    outcome: Outcome | None = None
    duration_ms: float = 0.0
    message: str = ""
    outdated: int | None = NEVER
    running: bool = False
    run: int = 0
    ran: int = 0
    warm: Outcome | None = None
    key: bytes = b""
    figures: Figures | None = None
    base: Figures | None = None
    recent: bytes = b""

    def state(self) -> TestState:
        """Return what front ends are told."""
        return TestState(
            info=self.info,
            outcome=self.outcome,
            duration_ms=self.duration_ms,
            message=self.message,
            outdated=self.outdated is not None,
            running=self.running,
            warm=self.warm,
            figures=self.figures,
            base=self.base,
        )

    def stored(self) -> StoredTest:
        """Return what the history keeps."""
        return StoredTest(
            info=self.info,
            position=self.order,
            file=self.file,
            outcome=self.outcome,
            duration_ms=self.duration_ms,
            message=self.message,
            outdated=self.outdated is not None,
            run=self.run,
            key=self.key,
            figures=self.figures,
            base=self.base,
            recent=self.recent,
        )


def file_of(test: str) -> str:
    """Return the file part of a node id."""
    return test.split("::", 1)[0]


class Book:
    """All tests of a project, in the suite's order within each file."""

    def __init__(self) -> None:
        self.tests: dict[str, Entry] = {}
        self.files: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        self._order = 0

    @property
    def count(self) -> int:
        """How many tests there are; a file that cannot be collected has a result, but is none."""
        return len(self.tests) - len(self.broken)

    def restore(self, stored: Iterable[StoredTest]) -> None:
        """Fill the book from the history."""
        for test in stored:
            self._add(_entry(test))
            if test.info.test == test.file and test.outcome == "error":
                self.broken.add(test.file)

    def collected(self, file: str, tests: Iterable[TestInfo], *, keep: bool = False) -> list[str]:
        """Take a file's present tests; return the node ids that are gone (none with `keep`).

        Known tests keep their place, since plugins may shuffle what they collect.
        """
        infos = {info.test: info for info in tests}
        known = self.files.get(file, [])
        gone = [] if keep else [test for test in known if test not in infos]
        for test in gone:
            self.remove(test)
        for info in sorted(infos.values(), key=lambda info: info.line):
            entry = self.tests.get(info.test)
            if entry is None:
                self._add(Entry(info=info, file=file, order=self._order + 1))
            else:
                entry.info = info
        self._sort(file)
        return gone

    def renamed(self, old: str, new: str) -> None:
        """Give a test its new node id, with all that is known of it."""
        entry = self.tests.pop(old, None)
        if entry is None:
            return
        entry.info = TestInfo(
            test=new, path=entry.info.path, line=entry.info.line, markers=entry.info.markers
        )
        tests = self.files[entry.file]
        tests[tests.index(old)] = new
        self.tests[new] = entry
        entry.key = b""

    def recall(self, stored: StoredTest) -> Entry:
        """Let an earlier result of a test count again; one that was gone with its file is back."""
        entry = _entry(stored)
        known = self.tests.get(stored.info.test)
        if known is None:
            self._add(entry)
            self._sort(entry.file)
        else:
            entry.info, entry.order = known.info, known.order
            self.tests[stored.info.test] = entry
        return entry

    def remove(self, test: str) -> None:
        """Forget a test."""
        entry = self.tests.pop(test, None)
        if entry is None:
            return
        tests = self.files[entry.file]
        tests.remove(test)
        if not tests:
            del self.files[entry.file]
        self.broken.discard(test)

    def finished(self, result: TestFinished, since: int) -> Entry:
        """Take a result of a run that began after change number `since`.

        A test outdated by a later change stays outdated: the run may have seen the file before it.
        """
        entry = self.tests.get(result.test)
        if entry is None:
            info = TestInfo(
                test=result.test, path=result.path or file_of(result.test), line=max(result.line, 1)
            )
            entry = Entry(info=info, file=file_of(result.test), order=self._order + 1)
            self._add(entry)
        entry.outcome = result.outcome
        entry.duration_ms = result.duration_ms
        entry.message = result.message
        entry.running = False
        entry.run = result.run
        entry.ran = since
        entry.warm = result.warm
        entry.key = b""
        if entry.outdated is not None and entry.outdated <= since:
            entry.outdated = None
        if result.test == entry.file and result.outcome == "error":
            self.broken.add(entry.file)
        return entry

    def outdate(self, tests: Iterable[str], change: int) -> list[str]:
        """Mark tests as outdated by a change; return those that are known."""
        found = [test for test in tests if test in self.tests]
        for test in found:
            self.tests[test].outdated = change
        return found

    def outdated(self) -> set[str]:
        """Return the tests that are not fresh."""
        return {test for test, entry in self.tests.items() if entry.outdated is not None}

    def failed(self) -> set[str]:
        """Return the tests (and broken files) whose last outcome was bad."""
        return {test for test, entry in self.tests.items() if entry.outcome in BAD_OUTCOMES}

    def in_order(self) -> list[Entry]:
        """Return all tests, file by file."""
        return [self.tests[test] for tests in self.files.values() for test in tests]

    def entries_of(self, file: str) -> list[Entry]:
        """Return a file's tests."""
        return [self.tests[test] for test in self.files.get(file, [])]

    def plan(self, tests: set[str], new_in: Iterable[str]) -> dict[str, tuple[KnownTest, ...]]:
        """Return a job's files: those of `tests`, and those that may hold new tests."""
        files = dict.fromkeys([*new_in, *(self.tests[test].file for test in tests if test in self.tests)])
        return {
            file: tuple(self._known(test, test in tests) for test in self.files.get(file, []) if test != file)
            for file in files
        }

    def _known(self, test: str, run: bool) -> KnownTest:
        entry = self.tests[test]
        return KnownTest(test, run, entry.duration_ms, entry.outcome in BAD_OUTCOMES)

    def cost(self, tests: Iterable[str]) -> float:
        """Return how many milliseconds these tests are going to take, as far as that is known."""
        entries = [self.tests[test] for test in tests if test in self.tests]
        return sum(entry.duration_ms if entry.outcome else _UNKNOWN_MS for entry in entries)

    def match(self, patterns: Iterable[str]) -> set[str]:
        """Return the tests that these node ids, files, folders or classes name."""
        found: set[str] = set()
        for pattern in patterns:
            if pattern in self.tests:
                found.add(pattern)
            prefixes = (f"{pattern}::", f"{pattern}[", pattern.rstrip("/") + "/")
            found.update(test for test in self.tests if test.startswith(prefixes))
        return found

    def _add(self, entry: Entry) -> None:
        self._order = max(self._order, entry.order)
        self.tests[entry.info.test] = entry
        self.files.setdefault(entry.file, []).append(entry.info.test)

    def _sort(self, file: str) -> None:
        tests = self.files.get(file)
        if not tests:
            return
        by_place: Callable[[str], tuple[int, int]] = lambda test: (  # noqa: E731 - typed, used once
            self.tests[test].info.line,
            self.tests[test].order,
        )
        tests.sort(key=by_place)


def _entry(test: StoredTest) -> Entry:
    return Entry(
        info=test.info,
        file=test.file,
        order=test.position,
        outcome=test.outcome,
        duration_ms=test.duration_ms,
        message=test.message,
        outdated=NEVER if test.outdated else None,
        run=test.run,
        key=test.key,
        figures=test.figures,
        base=test.base,
        recent=test.recent,
    )


def counts(entries: Mapping[str, Entry]) -> dict[str, int]:
    """Return how many tests have each outcome."""
    totals: dict[str, int] = {}
    for entry in entries.values():
        if entry.outcome is not None:
            totals[entry.outcome] = totals.get(entry.outcome, 0) + 1
    return totals
