"""The time axis of a trace: where bars begin and end, in eighths of a cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_STEPS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_HALF = 0.5

Interval = tuple[int, int]
"""Start and end, in nanoseconds."""


@dataclass(frozen=True)
class Axis:
    """A stretch of time on `cells` columns (nanoseconds)."""

    start_ns: int
    length_ns: int
    cells: int

    @property
    def end_ns(self) -> int:
        """Where it ends."""
        return self.start_ns + self.length_ns

    def side(self, start_ns: int, end_ns: int) -> int:
        """Say where a span is: -1 wholly before the axis, 1 wholly after it, 0 on it."""
        if end_ns < self.start_ns:
            return -1
        return 1 if start_ns > self.end_ns else 0

    def bar(self, start_ns: int, end_ns: int) -> tuple[int, str]:
        """Return the first column of a bar and its blocks, at least one and all within the axis."""
        left = self._cells(start_ns)
        right = max(left, self._cells(end_ns))
        first = min(floor(left), self.cells - 1)
        last = min(ceil(right), self.cells)
        if last - first <= 1:
            return first, _thin(left - first, right - left)
        head = "▐" if left - first >= _HALF else "█"
        tail = _EIGHTHS[max(1, round((right - (last - 1)) * 8))]
        return first, head + "█" * (last - first - 2) + tail

    def parts(
        self, start_ns: int, end_ns: int, covered: Iterable[Interval]
    ) -> tuple[int, list[tuple[str, bool]]]:
        """Return the first column of a bar and its parts: text, and whether something else covers them.

        Args:
            start_ns: Where it begins.
            end_ns: Where it ends.
            covered: Parts of that time, without overlaps; they are drawn as a line, the others as blocks.
        """
        first, blocks = self.bar(start_ns, end_ns)
        if len(blocks) == 1:
            return first, [(blocks, False)]
        shares = self._shares(first, len(blocks), covered)
        left, right = self._cells(start_ns) - first, self._cells(end_ns) - first
        cells = []
        for at, block in enumerate(blocks):
            begin, end = max(left, at), min(right, at + 1)
            is_covered = shares[at] > (end - begin) / 2
            line = "╺" if begin - at >= _HALF else "╸" if end - at <= _HALF else "━"
            cells.append((line if is_covered else block, is_covered))
        return first, [
            ("".join(text for text, _ in run), is_covered)
            for is_covered, run in groupby(cells, key=lambda cell: cell[1])
        ]

    def _shares(self, first: int, count: int, intervals: Iterable[Interval]) -> Sequence[float]:
        """Return how much of each cell from `first` on these intervals take."""
        shares = [0.0] * count
        for start_ns, end_ns in intervals:
            left, right = self._cells(start_ns) - first, self._cells(end_ns) - first
            begin, end = max(0, floor(left)), min(count, ceil(right))
            if end - begin == 1:
                shares[begin] += right - left
            elif end > begin:
                shares[begin] += begin + 1 - left
                shares[end - 1] += right - (end - 1)
                shares[begin + 1 : end - 1] = [1.0] * (end - begin - 2)
        return shares

    def column(self, at_ns: int) -> int:
        """Return the column of a moment."""
        return min(self.cells - 1, floor(self._cells(at_ns)))

    def moment(self, column: int) -> int:
        """Return the moment in the middle of a column (nanoseconds)."""
        return self.start_ns + round((column + _HALF) / self.cells * self.length_ns)

    def _cells(self, at_ns: int) -> float:
        share = (at_ns - self.start_ns) / max(1, self.length_ns)
        return max(0.0, min(1.0, share)) * self.cells


def _thin(offset: float, length: float) -> str:
    if length < 0.25:  # noqa: PLR2004 - a quarter of a cell
        return "▕" if offset >= 0.75 else "▏"  # noqa: PLR2004 - the last quarter
    return "▐" if offset >= _HALF else _EIGHTHS[max(1, min(8, round(length * 8)))]


def round_up(length_ns: int) -> int:
    """Return the next length of a growing axis: it changes in steps, so that the picture does not swim."""
    wanted = max(length_ns, 1_000_000) * 1.1
    power = 10 ** floor(log10(wanted))
    return int(next(step for step in _STEPS if step * power >= wanted) * power)
