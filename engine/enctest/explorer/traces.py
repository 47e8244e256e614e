"""Span trees of a run while it goes on, and those of the tests that have just finished."""

from __future__ import annotations

import time
from collections import OrderedDict

from enctest.events import Span, SpanEnded, SpanRecord
from enctest.tracing.model import Trace

_ROOT = 1
_KEPT = 200
"""Finished traces that stay in memory, so that a look at one never waits for the disk."""


class LiveTraces:
    """Traces by test."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._done: set[str] = set()

    def fold(self, record: SpanRecord) -> bool:
        """Take a record; True when it ended its test's root span."""
        trace = self._traces.get(record.test)
        if trace is None:
            trace = self._traces[record.test] = Trace()
        trace.apply(record)
        done = isinstance(record, SpanEnded) and record.span == _ROOT
        if done:
            self._done.add(record.test)
            self._trim()
        return done

    def of(self, test: str) -> tuple[Span, ...] | None:
        """Return a test's spans so far, or None when this run has none of it."""
        trace = self._traces.get(test)
        return trace.freeze() if trace else None

    def close(self, test: str) -> tuple[Span, ...]:
        """Mark what a dead worker left open as ended now; return the spans."""
        trace = self._traces.get(test)
        if trace is None:
            return ()
        trace.close(time.monotonic_ns())
        return trace.freeze()

    def _trim(self) -> None:
        while len(self._done) > _KEPT:
            oldest = next(test for test in self._traces if test in self._done)
            del self._traces[oldest]
            self._done.discard(oldest)
