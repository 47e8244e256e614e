"""A span's own time: what its children do not cover."""

from __future__ import annotations

from collections.abc import Sequence

from enctest.tracing import own_time
from enctest_tui.bars import Interval
from enctest_tui.spans import SpanNode, Trace

_SLOW_SHARE = 0.1
_SLOW_MS = 1.0
"""A span is slow if so much of the whole trace, and so many milliseconds, are its own time."""
_OUTER = frozenset({"test", "phase"})


class OwnTime:
    """Which part of each span's time is its own; remembered until the trace changes."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._covered: dict[int, Sequence[Interval]] = {}
        self._version = (-1, -1)

    def covered(self, span: SpanNode) -> Sequence[Interval]:
        """Return the time that children cover, in order and without overlaps."""
        if self._version != self._trace.version:
            self._version = self._trace.version
            self._covered.clear()
        found = self._covered.get(span.id)
        if found is None:
            found = union(span.children, self._trace.now_ns, span.start_ns, span.end_ns)
            if not any(child.is_open for child in span.children):
                self._covered[span.id] = found
        return found

    def ms(self, span: SpanNode) -> float:
        """Return how long no child was at work (milliseconds)."""
        now_ns = self._trace.now_ns
        if not span.children:
            return span.duration_ms(now_ns)
        covered = sum(end - start for start, end in self.covered(span))
        taken = own_time.end_ns(span, now_ns) - span.start_ns
        return max(0, taken - covered - own_time.own_elsewhere_ns(span)) / 1e6

    def is_slow(self, span: SpanNode) -> bool:
        """Say whether a noticeable part of the whole trace is this span's own time."""
        if span.kind in _OUTER or span.duration_ms(self._trace.now_ns) < _SLOW_MS:
            return False
        start, end = self._trace.bounds()
        return self.ms(span) >= max(_SLOW_MS, (end - start) / 1e6 * _SLOW_SHARE)


def union(
    spans: Sequence[SpanNode], now_ns: int, first_ns: int, last_ns: int | None
) -> list[tuple[int, int]]:
    """Return the times of spans as intervals in order, without overlaps, cut to what lies within both ends.

    Args:
        spans: In any order.
        now_ns: When open ones end.
        first_ns: Nothing before counts.
        last_ns: Nothing after counts; None for no end.
    """
    found: list[tuple[int, int]] = []
    reached = first_ns
    for span in sorted(spans, key=_start):
        end = span.end_ns if span.end_ns is not None else now_ns
        if last_ns is not None and end > last_ns:
            end = last_ns
        start = max(span.start_ns, reached)
        if end <= start:
            continue
        if found and start == reached and found[-1][1] == start:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
        reached = end
    return found


def _start(span: SpanNode) -> int:
    return span.start_ns
