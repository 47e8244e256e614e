"""A picture of a whole trace on one or two lines: where in time, and where in the list, work was done."""

from __future__ import annotations

from enctest_tui.spans import Trace

_DOTS_ACROSS, _DOTS_DOWN = 2, 4
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a Braille character by row and column of its dots."""
_BRAILLE = 0x2800
_MOST = 20_000
"""Spans that are drawn at most; of more, each so-manieth, and all that failed."""

Cell = tuple[str, bool]
"""A character, and whether something failed there."""


class Minimap:
    """Spans without children as dots: time from left to right, the waterfall's order from top to bottom."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._drawn: tuple[object, ...] = ()
        self._lines: list[list[Cell]] = []

    def lines(self, cells: int, count: int) -> list[list[Cell]]:
        """Return `count` lines of `cells` cells; drawn anew only when the trace has changed."""
        trace = self._trace
        bounds = trace.bounds()
        wanted = (trace.version, cells, count, bounds)
        if wanted != self._drawn:
            self._drawn = wanted
            self._lines = self._draw(cells, count, bounds)
        return self._lines

    def _draw(self, cells: int, count: int, bounds: tuple[int, int]) -> list[list[Cell]]:
        start, end = bounds
        width, height = cells * _DOTS_ACROSS, count * _DOTS_DOWN
        scale = width / max(1, end - start)
        now = self._trace.now_ns
        leaves = [span for span in self._trace.walk() if not span.children]
        step = -(-len(leaves) // _MOST) or 1
        rows, failed = [0] * height, [0] * count
        for place, span in enumerate(leaves):
            if place % step and not span.is_error:
                continue
            first = min(width - 1, int((span.start_ns - start) * scale))
            last = min(width, int(((span.end_ns if span.end_ns is not None else now) - start) * scale) + 1)
            dots = ((1 << max(1, last - first)) - 1) << first
            row = place * height // len(leaves)
            rows[row] |= dots
            if span.is_error:
                failed[row // _DOTS_DOWN] |= dots
        return [
            [
                _cell(rows[line * _DOTS_DOWN : (line + 1) * _DOTS_DOWN], failed[line], at * _DOTS_ACROSS)
                for at in range(cells)
            ]
            for line in range(count)
        ]


def _cell(rows: list[int], failed: int, column: int) -> Cell:
    dots = sum(
        bit
        for row, bits in zip(rows, _BITS, strict=True)
        for across, bit in enumerate(bits)
        if row >> (column + across) & 1
    )
    return (chr(_BRAILLE + dots) if dots else " "), bool(failed >> column & 3)
