"""The explorer's memory: recent results and traces at hand, everything else written behind its back."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from enctest.errors import EnctestError
from enctest.events import Error, Span, TestFinished
from enctest.explorer.audit import Counts
from enctest.explorer.book import Entry
from enctest.paths import Project
from enctest.record import Event
from enctest.store.history import History
from enctest.store.writer import Writer

if TYPE_CHECKING:
    from enctest.explorer.selector import Selector

_RECENT = 500
_BATCH = 100
"""Results that are collected before they are written in one transaction."""


class Journal:
    """Keeps what happens.

    Args:
        project: Whose history.
        args: pytest arguments; another set of arguments has another history, since it sees other tests.
        publish: Takes an `Error` when writing fails.
    """

    def __init__(self, project: Project, args: Sequence[str], publish: Callable[[Event], None]) -> None:
        self.history = History(project.state, name_of(args))
        self.modules: list[str] = self.history.meta("modules", list[str]) or []
        self.sets: list[str] = self.history.meta("sets", list[str]) or []
        self.last_run: int = self.history.meta("run", int) or 0
        self.counts: Counts = self.history.meta("audit", Counts) or Counts()
        self._publish = publish
        self._writer = Writer(self._failed)
        self._recent: OrderedDict[str, TestFinished] = OrderedDict()
        self._traces: OrderedDict[str, tuple[int, tuple[Span, ...]]] = OrderedDict()
        self._new_tests: dict[str, Entry] = {}
        self._new_results: dict[str, TestFinished] = {}
        self._new_traces: dict[str, tuple[Span, ...]] = {}
        self._gone: set[str] = set()
        self._told: dict[str, object] = {}

    def finished(self, entry: Entry, result: TestFinished) -> None:
        """Take a result."""
        self.last_run = max(self.last_run, result.run)
        self._recent[result.test] = self._new_results[result.test] = result
        self._new_tests[result.test] = entry
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def traced(self, test: str, spans: tuple[Span, ...] | None) -> None:
        """Take the trace of the result that was just taken."""
        result = self._recent.get(test)
        if result is None or spans is None:
            return
        self._traces[test] = (result.run, spans)
        self._new_traces[test] = spans
        if len(self._traces) > _RECENT:
            self._traces.popitem(last=False)

    def changed(self, entries: Iterable[Entry]) -> None:
        """Take tests whose place or flags changed."""
        self._new_tests |= {entry.info.test: entry for entry in entries}

    def removed(self, tests: Iterable[str]) -> None:
        """Forget tests."""
        for test in tests:
            self._gone.add(test)
            for known in (self._new_tests, self._new_results, self._new_traces, self._recent, self._traces):
                known.pop(test, None)

    def outdated(self, entries: Iterable[Entry], selector: Selector) -> None:
        """Write which tests a change outdated, and the fingerprints it left, in one transaction.

        Before any of them runs: whatever happens next, they are not taken for fresh.
        """
        self.changed(entries)
        self._write(selector)

    def save(self, selector: Selector) -> None:
        """Write what a run brought."""
        self._write(selector)

    def learn(self, modules: Sequence[str]) -> list[str]:
        """Add third-party modules to import ahead; return all of them."""
        known = set(self.modules)
        self.modules = [*self.modules, *(name for name in modules if name not in known)]
        self._writer.do(self.history.set_meta, key="modules", value=list(self.modules))
        return self.modules

    def learn_sets(self, names: Sequence[str]) -> None:
        """Add environment variables that the project sets itself."""
        if not set(names) <= set(self.sets):
            self.sets = sorted({*self.sets, *names})
            self._writer.do(self.history.set_meta, key="sets", value=list(self.sets))

    def audited(self, counts: Counts) -> None:
        """Take what audits have measured."""
        self._writer.do(self.history.set_meta, key="audit", value=msgspec.structs.asdict(counts))

    def result(self, test: str) -> TestFinished | None:
        """Return a test's last result."""
        return self._recent.get(test) or self.history.result(test)

    def trace(self, test: str) -> tuple[int, tuple[Span, ...]]:
        """Return (run, spans) of a test's last trace."""
        return self._traces.get(test) or self.history.trace(test)

    def close(self, selector: Selector) -> None:
        """Write everything and close the history."""
        self.save(selector)
        self.release()

    def release(self) -> None:
        """Wait for what is being written, then close the history."""
        self._writer.close()
        self.history.close()

    def _write(self, selector: Selector) -> None:
        gone = self._gone - self._new_tests.keys()
        arguments: dict[str, Any] = {
            "tests": [entry.stored() for entry in self._new_tests.values()],
            "results": list(self._new_results.values()),
            "traces": [
                (result, spans)
                for test, spans in self._new_traces.items()
                if (result := self._recent.get(test)) is not None
            ],
            "removed": list(gone),
            "dependencies": selector.changed_rows(),
        }
        self._new_tests, self._new_results, self._new_traces, self._gone = {}, {}, {}, set()
        self._writer.do(self.history.save, **arguments)
        for key, value in ({"run": self.last_run} | selector.meta()).items():
            if self._told.get(key) != value:
                self._told[key] = value
                self._writer.do(self.history.set_meta, key=key, value=value)

    def _failed(self, error: EnctestError) -> None:
        self._publish(Error(message=error.title, hint=error.hint))


def name_of(args: Sequence[str]) -> str:
    """Return the name of the history that runs with these arguments belong to."""
    if not args:
        return "history"
    return "history-" + hashlib.sha256("\0".join(args).encode()).hexdigest()[:8]
