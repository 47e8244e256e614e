"""Span trees of a run while it goes on, and those of the tests that have just finished."""

from __future__ import annotations

import time
from collections import OrderedDict

from enctest.events import Span, SpanRecord
from enctest.tracing.model import Node, Trace

_KEPT = 200
"""Finished traces that stay in memory, so that a look at one never waits for the disk."""


class LiveTraces:
    """Traces by test."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._done: set[str] = set()

    def fold(self, record: SpanRecord) -> None:
        """Take a record."""
        trace = self._traces.get(record.test)
        if trace is None:
            trace = self._traces[record.test] = Trace()
        trace.apply(record)

    def forget(self, test: str) -> None:
        """Drop what is known of a test: it runs once more."""
        self._traces.pop(test, None)
        self._done.discard(test)

    def finished(self, test: str) -> None:
        """No record of this test follows; keep the last few such traces."""
        if test in self._traces:
            self._done.add(test)
            self._trim()

    def of(self, test: str) -> tuple[Span, ...] | None:
        """Return a test's spans so far, or None when this run has none of it."""
        trace = self._traces.get(test)
        return trace.freeze() if trace else None

    def tree(self, test: str) -> Trace | None:
        """Return a test's spans as a tree, to be read only; None when this run has none of it."""
        return self._traces.get(test)

    def node(self, test: str, span: int) -> Node | None:
        """Return a span of a test, if it is known."""
        trace = self._traces.get(test)
        return trace.nodes.get(span) if trace else None

    def close(self, test: str) -> None:
        """Mark what a dead worker left open as ended now."""
        trace = self._traces.get(test)
        if trace is not None:
            trace.close(time.monotonic_ns())

    def _trim(self) -> None:
        while len(self._done) > _KEPT:
            oldest = next(test for test in self._traces if test in self._done)
            del self._traces[oldest]
            self._done.discard(oldest)
