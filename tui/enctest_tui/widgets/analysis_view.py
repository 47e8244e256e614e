"""A list of what was found about a trace, with columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.widget import Widget

from enctest_tui.analysis import Row, View, head, heaviest
from enctest_tui.text import fit
from enctest_tui.widgets.line_view import LineView


class AnalysisView(LineView):
    """Rows that depend on the width."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.rows: list[Row] = []
        self.why_empty = ""
        self._make: Callable[[int], Sequence[Row]] = lambda _width: ()

    def empty(self) -> str:
        """Return what to say when there are no rows."""
        return self.why_empty

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show(self, make: Callable[[int], Sequence[Row]], why_empty: str, *, keep_place: bool) -> None:
        """Show the rows that `make` returns for a width in cells."""
        self._make, self.why_empty = make, why_empty
        self._remake()
        if not keep_place:
            self.scroll_to(y=0, animate=False, force=True)
            self.go_to(heaviest(self.rows))

    def on_resize(self, _event: events.Resize) -> None:
        """There may be room for other columns."""
        self._remake()

    def _remake(self) -> None:
        self.rows = list(self._make(self.scrollable_content_region.width or self.size.width))
        self.set_lines(len(self.rows))
        self.cursor = self.validate_cursor(self.cursor)
        self.post_message(self.Moved(self))

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one row."""
        drawn, room = [], width
        for text, ink in self.rows[index].left:
            shown = fit(text, room)
            drawn.append(Segment(shown, self.ink(ink)))
            room -= cell_len(shown)
        return drawn


class Head(Widget):
    """The names of the columns."""

    def __init__(self, view: AnalysisView) -> None:
        super().__init__(id="analysis-head")
        self._view = view
        self.of: View = "findings"

    def render(self) -> Content:
        """Draw them above their columns."""
        return Content.styled(head(self.of, self._view.scrollable_content_region.width), "$foreground 45%")
