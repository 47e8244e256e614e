"""The explorer's memory: recent results and traces at hand, everything else written behind its back."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from enctest.errors import EnctestError
from enctest.events import Before, Error, Span, TestFinished
from enctest.explorer.audit import Counts
from enctest.explorer.book import Entry
from enctest.paths import Project
from enctest.record import Event
from enctest.store.history import History
from enctest.store.rows import Batch, Left, StoredTest
from enctest.store.writer import Writer

if TYPE_CHECKING:
    from enctest.explorer.selector import Selector

_RECENT = 500


class Journal:
    """Keeps what happens.

    Args:
        project: Whose history.
        args: pytest arguments; another set of arguments has another history, since it sees other tests.
        publish: Takes an `Error` when writing fails.
        name: Of another history than the one of these arguments.
        in_any_case: Without a file, keep everything in memory.
    """

    def __init__(
        self,
        project: Project,
        args: Sequence[str],
        publish: Callable[[Event], None],
        *,
        name: str = "",
        in_any_case: bool = False,
    ) -> None:
        self.history = History(project.state, name or name_of(args), in_any_case=in_any_case)
        self.modules: list[str] = self.history.meta("modules", list[str]) or []
        self.sets: list[str] = self.history.meta("sets", list[str]) or []
        self.last_run: int = self.history.meta("run", int) or 0
        self.counts: Counts = self.history.meta("audit", Counts) or Counts()
        self._publish = publish
        self._writer = Writer(self._failed)
        self._is_failing = False
        self._recent: OrderedDict[str, TestFinished] = OrderedDict()
        self._traces: OrderedDict[str, tuple[int, tuple[Span, ...]]] = OrderedDict()
        self._left: OrderedDict[int, tuple[TestFinished, tuple[int, tuple[Span, ...]] | None]] = OrderedDict()
        self._recalled: dict[str, tuple[int, int]] = {}
        self._changed: dict[str, Entry] = {}
        self._batch = Batch()
        self._gone: set[str] = set()
        self._told: dict[str, object] = {}

    def finished(self, entry: Entry, result: TestFinished) -> None:
        """Take a result."""
        self.last_run = max(self.last_run, result.run)
        self._recalled.pop(result.test, None)
        self._recent[result.test] = self._batch.results[result.test] = result
        self._changed[result.test] = entry
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def traced(self, test: str, spans: tuple[Span, ...] | None) -> None:
        """Take the trace of the result that was just taken."""
        result = self._recent.get(test)
        if result is None or spans is None:
            return
        self._traces[test] = (result.run, spans)
        self._batch.traces[test] = (result, spans)
        if len(self._traces) > _RECENT:
            self._traces.popitem(last=False)

    def changed(self, entries: Iterable[Entry]) -> None:
        """Take tests whose place or flags changed."""
        self._changed |= {entry.info.test: entry for entry in entries}

    def removed(self, tests: Iterable[str]) -> None:
        """Forget tests."""
        for test in tests:
            self._gone.add(test)
            for known in (self._changed, self._recent, self._traces, self._recalled):
                known.pop(test, None)

    # --- results of earlier states ---

    def left(self, number: int, result: StoredTest, data: bytes) -> None:
        """Keep a test's last result beside, under a number of its own."""
        test = result.info.test
        self._batch.left.append(Left(number=number, test=test, run=result.run, data=data))
        if test in self._recent:
            self._left[number] = self._recent[test], self._traces.get(test)
            if len(self._left) > _RECENT:
                self._left.popitem(last=False)

    def recalled(self, number: int, entry: Entry) -> None:
        """A result that was kept beside is a test's last one again."""
        test = entry.info.test
        self._changed[test] = entry
        self._gone.discard(test)
        for known in (self._recent, self._traces):
            known.pop(test, None)
        self._batch.recalled[test] = number
        self._recalled[test] = number, entry.run
        if number in self._left:
            self._recent[test], trace = self._left.pop(number)
            if trace is not None:
                self._traces[test] = trace

    def dropped(self, number: int) -> None:
        """A result that was kept beside is not needed any more."""
        self._batch.dropped.append(number)

    # --- writing ---

    def outdated(self, entries: Iterable[Entry], selector: Selector) -> None:
        """Write which tests a change outdated, and the fingerprints it left, in one transaction.

        Before any of them runs: whatever happens next, they are not taken for fresh.
        """
        self.changed(entries)
        self.save(selector)

    def save(self, selector: Selector) -> None:
        """Write what there is to write."""
        batch, self._batch = self._batch, Batch()
        batch.tests = {test: entry.stored() for test, entry in self._changed.items()}
        batch.removed = [test for test in self._gone if test not in batch.tests]
        batch.dependencies = selector.changed_rows()
        small: dict[str, object] = {"run": self.last_run, "modules": list(self.modules), "sets": self.sets}
        small |= selector.meta() | {"audit": msgspec.structs.asdict(self.counts)}
        batch.meta = {key: value for key, value in small.items() if self._told.get(key) != value}
        self._told |= batch.meta
        self._changed, self._gone = {}, set()
        self._writer.do(self._write, batch=batch)

    def learn(self, modules: Sequence[str]) -> list[str]:
        """Add third-party modules to import ahead; return all of them."""
        known = set(self.modules)
        self.modules = [*self.modules, *(name for name in modules if name not in known)]
        return self.modules

    def learn_sets(self, names: Sequence[str]) -> None:
        """Add environment variables that the project sets itself."""
        if not set(names) <= set(self.sets):
            self.sets = sorted({*self.sets, *names})

    # --- reading ---

    def result(self, test: str) -> TestFinished | None:
        """Return a test's last result."""
        if test in self._recalled and test not in self._recent:  # it may not be in its place yet
            number, run = self._recalled[test]
            found = (self.history.result(test), self.history.left_result(number))
            return next((result for result in found if result is not None and result.run == run), None)
        return self._recent.get(test) or self.history.result(test)

    def trace(self, test: str) -> tuple[int, tuple[Span, ...]]:
        """Return (run, spans) of a test's last trace."""
        if test in self._recalled and test not in self._traces:
            number, run = self._recalled[test]
            found = (self.history.trace(test), self.history.left_trace(number))
            return next((trace for trace in found if trace[0] == run), (0, ()))
        return self._traces.get(test) or self.history.trace(test)

    def base(self, test: str, run: int, against: Before) -> tuple[int, tuple[Span, ...]]:
        """Return (run, spans) of what a test's trace of `run` is compared with; (0, ()) if there is none."""
        recent = self._traces.get(test)
        if against == "previous" and recent is not None and recent[0] != run:
            return recent  # `run` goes on
        return self.history.base(test, run, against)

    def close(self, selector: Selector) -> None:
        """Write everything and close the history."""
        self.save(selector)
        self.release()

    def release(self) -> None:
        """Wait for what is being written, then close the history."""
        self._writer.close()
        self.history.close()

    def _write(self, batch: Batch) -> None:
        self.history.save(batch)
        self._is_failing = False

    def _failed(self, error: EnctestError) -> None:
        """Say it once, until something could be written again."""
        if not self._is_failing:
            self._is_failing = True
            self._publish(Error(message=error.title, hint=error.hint))


def name_of(args: Sequence[str]) -> str:
    """Return the name of the history that runs with these arguments belong to."""
    if not args:
        return "history"
    return "history-" + hashlib.sha256("\0".join(args).encode()).hexdigest()[:8]
