"""Time that shared services took to start: it is nobody's, not that of the test that came first."""

from __future__ import annotations

_nanoseconds = [0]


def add(nanoseconds: int) -> None:
    """Leave out some time."""
    _nanoseconds[0] += nanoseconds


def take_uncounted() -> float:
    """Return the seconds to leave out since the last time this was asked."""
    found, _nanoseconds[0] = _nanoseconds[0], 0
    return found / 1e9
