"""Stretches of time that may overlap."""

from __future__ import annotations

from collections.abc import Iterable


def covered_ns(intervals: Iterable[tuple[int, int]]) -> int:
    """Return how much time (begin, end) pairs cover together, each moment once."""
    covered, reached = 0, 0
    for begin, end in sorted(intervals):
        covered += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return covered
