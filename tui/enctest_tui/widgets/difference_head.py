"""The line above a comparison: with what a trace is compared, and how much is different."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from enctest_tui.difference import Baseline, summary
from enctest_tui.widgets.difference_view import HEAD, DifferenceView
from enctest_tui.widgets.headline import COLOURS


class Summary(Widget):
    """With what a trace is compared, and how much is different."""

    def __init__(self, view: DifferenceView, base: Baseline) -> None:
        super().__init__()
        self._view = view
        self._base = base

    def render(self) -> Content:
        """Say it in one line; above the durations, what they are."""
        nothing = "" if self._view.found.trace.run else "select a test that has run to compare it"
        width = self._view.scrollable_content_region.width or self.size.width
        pieces = summary(self._view.found.comparison, self._base, nothing=nothing, width=width - 1)
        line = Content.assemble(" ", *((text, COLOURS.get(ink, COLOURS["dim"])) for text, ink in pieces))
        room = width - line.cell_length - len(HEAD)
        if room < 1 or self._view.found.comparison is None:
            return line
        return Content.assemble(line, " " * room, (HEAD, "$foreground 40%"))
