"""What a worker's events do to the book, the selection index and the journal."""

from __future__ import annotations

from collections.abc import Sequence

from enctest.dependencies import BlocksDeclared, ModuleRecorded, ModulesImported, TestRecorded
from enctest.events import (
    Collected,
    FileCollected,
    SpanEnded,
    SpanEvent,
    SpanStarted,
    TestFinished,
    TestRenamed,
    TestsRemoved,
    TestStarted,
    WorkerEvent,
)
from enctest.explorer.book import Book, file_of
from enctest.explorer.journal import Journal
from enctest.explorer.measuring import Measuring
from enctest.explorer.selector import Selector
from enctest.explorer.sharing import around
from enctest.explorer.traces import LiveTraces
from enctest.record import Event


class Ledger:
    """Folds one run's events.

    Args:
        book: The tests.
        journal: The memory.
        selector: The dependency index.
        since: Number of the last change before the run began.
        measuring: Takes the figures of its tests.
        whole: The run sees all tests of the files it collects: what it does not name is gone.
    """

    def __init__(
        self,
        book: Book,
        journal: Journal,
        selector: Selector,
        *,
        since: int,
        measuring: Measuring,
        whole: bool = True,
    ) -> None:
        self.book = book
        self.traces = LiveTraces()
        self._journal = journal
        self._selector = selector
        self._since = since
        self._measuring = measuring
        self._whole = whole

    def fold(self, event: WorkerEvent) -> list[Event]:
        """Take an event; return what it brought about besides."""
        match event:
            case SpanStarted() | SpanEvent() | SpanEnded():
                self.traces.fold(event)
                if isinstance(event, SpanStarted) and event.kind == "db":
                    node = self.traces.node(event.test, event.span)
                    self._selector.tables.seen(event, around(node, event.test))
                elif "enctest.spans.not_recorded" in event.attributes:
                    self._selector.tables.lost(event.test)
            case TestStarted() if entry := self.book.tests.get(event.test):
                entry.running = True
            case TestFinished():
                return self._finished(event)
            case BlocksDeclared() | ModuleRecorded() | TestRecorded():
                self._selector.feed(event)
            case ModulesImported():
                self._journal.learn(event.names)
                self._journal.learn_sets(event.sets)
            case TestRenamed():
                self._rename(event)
            case FileCollected():
                gone = self.book.collected(event.path, event.tests, keep=not self._whole)
                self._journal.changed(self.book.entries_of(event.path))
                return self.forget(gone)
        return []

    def _finished(self, result: TestFinished) -> list[Event]:
        test = result.test
        known = self.book.tests.get(test)
        former = known.state() if known is not None else None
        entry = self.book.finished(result, self._since)
        measured = self._measuring.take(entry, result, self.traces.tree(test), former)
        self._journal.finished(entry, result)
        self._journal.traced(test, self.traces.of(test))
        self.traces.finished(test)
        return [measured] if measured is not None else []

    def everything_collected(self, event: Collected) -> list[Event]:
        """A run without a choice of files names all there is: drop the tests of other files."""
        seen = {file_of(test) for test in event.tests} | self.book.broken
        gone = [test for test, entry in self.book.tests.items() if entry.file not in seen]
        for test in gone:
            self.book.remove(test)
        return self.forget(gone)

    def forget(self, tests: Sequence[str]) -> list[Event]:
        """Tests are gone from their files."""
        if not tests:
            return []
        self._journal.removed(tests)
        self._selector.forget(tests)
        return [TestsRemoved(tests=tuple(tests))]

    def _rename(self, event: TestRenamed) -> None:
        self.book.renamed(event.old, event.new)
        self._selector.renamed(event.old, event.new)
        self._journal.removed([event.old])
