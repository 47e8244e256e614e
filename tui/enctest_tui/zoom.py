"""Which part of a trace's time is shown."""

from __future__ import annotations

from enctest_tui.bars import Interval

SHORTEST_NS = 1_000
"""The shortest stretch that fills the axis."""
_MARGIN = 0.04
"""Room on both sides of a span that is fitted, as a share of it."""


class Zoom:
    """All of the time, or a stretch that the user has chosen. Bounds are those of the trace, which may grow.

    Attributes:
        chosen: The stretch; None while all is shown.
    """

    def __init__(self) -> None:
        self.chosen: Interval | None = None
        self._before: list[Interval | None] = []

    def shown(self, bounds: Interval) -> Interval:
        """Return what is shown."""
        return self.chosen or bounds

    def reset(self) -> None:
        """Show everything."""
        self.chosen = None
        self._before.clear()

    def magnify(self, factor: float, around_ns: int, bounds: Interval) -> None:
        """Show less (`factor` over 1) or more of the time; the moment `around_ns` stays where it is."""
        start, end = self.shown(bounds)
        around = min(max(around_ns, start), end)
        length = max(SHORTEST_NS, round((end - start) / factor))
        share = (around - start) / max(1, end - start)
        self._choose(around - round(share * length), length, bounds)

    def pan(self, share: float, bounds: Interval) -> None:
        """Move by a share of what is shown, later or (below 0) earlier; no further than the trace goes."""
        if self.chosen is not None:
            start, end = self.chosen
            self._choose(start + round((end - start) * share), end - start, bounds)

    def fit(self, start_ns: int, end_ns: int, bounds: Interval) -> None:
        """Let a span fill the axis; once more goes back to what was shown before."""
        before = self.chosen
        self.show(start_ns, end_ns, bounds)
        if self.chosen != before:
            self._before.append(before)
        elif self._before:
            self.chosen = self._before.pop()

    def show(self, start_ns: int, end_ns: int, bounds: Interval) -> None:
        """Show this stretch, with a little room around it."""
        length = max(SHORTEST_NS, end_ns - start_ns)
        margin = round(length * _MARGIN)
        self._choose(start_ns - margin, length + 2 * margin, bounds)

    def centre(self, at_ns: int, bounds: Interval) -> None:
        """Move so that a moment is in the middle."""
        if self.chosen is not None:
            start, end = self.chosen
            self._choose(at_ns - (end - start) // 2, end - start, bounds)

    def reveal(self, start_ns: int, end_ns: int, bounds: Interval) -> None:
        """Move as little as it takes to see some of a span."""
        if self.chosen is None:
            return
        start, end = self.chosen
        if start_ns >= end or end_ns <= start:
            self.centre(start_ns, bounds)

    def _choose(self, start_ns: int, length_ns: int, bounds: Interval) -> None:
        first, last = bounds
        if length_ns >= last - first:
            self.chosen = None
            return
        start = min(max(start_ns, first), last - length_ns)
        self.chosen = start, start + length_ns
