"""Time that shared services took to start: it is nobody's, not that of the test that came first."""

from __future__ import annotations

from enctest.tracing.intervals import covered_ns

_intervals: list[tuple[int, int]] = []


def add(begin: int, end: int) -> None:
    """Leave out the time from `begin` to `end` (nanoseconds); starts within each other count once."""
    _intervals.append((begin, end))


def take() -> float:
    """Return the seconds to leave out since the last time this was asked."""
    found = covered_ns(_intervals)
    _intervals.clear()
    return found / 1e9
