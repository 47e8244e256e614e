"""The time axis of a trace: where bars begin and end, in eighths of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_STEPS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """A stretch of time on `cells` columns (nanoseconds)."""

    start_ns: int
    length_ns: int
    cells: int

    def bar(self, start_ns: int, end_ns: int) -> tuple[int, str]:
        """Return the first column of a bar and its blocks, at least one and all within the axis."""
        left = self._cells(start_ns)
        right = max(left, self._cells(end_ns))
        first = min(floor(left), self.cells - 1)
        last = min(ceil(right), self.cells)
        if last - first <= 1:
            return first, _thin(left - first, right - left)
        head = "▐" if left - first >= 0.5 else "█"  # noqa: PLR2004 - half a cell
        tail = _EIGHTHS[max(1, round((right - (last - 1)) * 8))]
        return first, head + "█" * (last - first - 2) + tail

    def column(self, at_ns: int) -> int:
        """Return the column of a moment."""
        return min(self.cells - 1, floor(self._cells(at_ns)))

    def _cells(self, at_ns: int) -> float:
        share = (at_ns - self.start_ns) / max(1, self.length_ns)
        return max(0.0, min(1.0, share)) * self.cells


def _thin(offset: float, length: float) -> str:
    if length < 0.25:  # noqa: PLR2004 - a quarter of a cell
        return "▕" if offset >= 0.75 else "▏"  # noqa: PLR2004 - the last quarter
    return "▐" if offset >= 0.5 else _EIGHTHS[max(1, min(8, round(length * 8)))]  # noqa: PLR2004 - half a cell


def round_up(length_ns: int) -> int:
    """Return the next length of a growing axis: it changes in steps, so that the picture does not swim."""
    wanted = max(length_ns, 1_000_000) * 1.1
    power = 10 ** floor(log10(wanted))
    return int(next(step for step in _STEPS if step * power >= wanted) * power)
