"""Lines of text of any length: failures, captured output, source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType

from enctest_tui import places
from enctest_tui.actions import Where
from enctest_tui.keys import bindings
from enctest_tui.text import wrap
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.places import SourceWanted

Piece = tuple[str, str]
"""Text and the name of its ink, or `=` and a style as Rich writes it."""
Line = Sequence[Piece]

_MARGIN = 1


class TextView(LineView):
    """Shows lines made of pieces; long ones go on in the next line, or are scrolled sideways."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("text")
    KIND: ClassVar[Where] = "text"
    WRAPS: ClassVar[bool] = True
    """Whether long lines go on in the next one."""
    HAS_CURSOR: ClassVar[bool] = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._parts: list[tuple[int, int]] = []
        self._width = 0
        self._room = 10
        self._indent = 0
        self.message = ""
        self.root = ""

    def empty(self) -> str:
        """Return what to say when there are no lines."""
        return self.message

    def show(self, lines: Sequence[Line], *, keep_place: bool = False) -> None:
        """Show these lines, from the top unless `keep_place`."""
        self._lines = lines
        self._lay_out()
        if not keep_place:
            self._indent = 0
            with self.prevent(self.Moved):
                self.cursor = 0
            self.scroll_to(y=0, animate=False, force=True)

    def on_resize(self, _event: events.Resize) -> None:
        """Lay the lines out again for the new width."""
        if self._width != self.scrollable_content_region.width:
            self._lay_out()

    def source_line(self, row: int) -> int | None:
        """Return which line (from 0) a row of the screen shows; None if there is no such row."""
        return self._parts[row][0] if 0 <= row < len(self._parts) else None

    def row_of(self, source: int) -> int:
        """Return the row at which line `source` (from 0) begins."""
        return next((at for at, part in enumerate(self._parts) if part == (source, 0)), 0)

    def show_from(self, source: int) -> None:
        """Scroll so that line `source` (from 0) is in the last third, if it does not fit as it is."""
        row = self.row_of(source)
        height = self.scrollable_content_region.height
        if self.HAS_CURSOR:
            self.cursor = row
        if row >= height > 0:
            top = min(row - height * 2 // 3, self.max_scroll_y)
            self.cursor = row if self.HAS_CURSOR else top
            self.scroll_to(y=top, animate=False, force=True)

    def _lay_out(self) -> None:
        """Note for each row which line it shows and which piece of it."""
        self._width = self.scrollable_content_region.width
        room = self._room = max(10, self._width - 2 * _MARGIN)
        self._parts = []
        for at, line in enumerate(self._lines):
            cells = sum(len(text) for text, _ in line)
            pieces = 1
            if self.WRAPS and (cells > room or any(not text.isascii() for text, _ in line)):
                pieces = len(wrap("".join(text for text, _ in line), room))
            self._parts += [(at, piece) for piece in range(pieces)]
        self.set_lines(len(self._parts))

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one row."""
        source, piece = self._parts[index]
        line = self._lines[source]
        if self.WRAPS:
            start, end = self._span(line, piece)
        else:
            start, end = self._indent, self._indent + width
        drawn = [Segment(" " * _MARGIN)]
        at = 0
        for text, style in self._linked(line):
            part = text[max(0, start - at) : max(0, end - at)]
            if part:
                drawn.append(Segment(part, style))
            at += len(text)
        return drawn

    def _linked(self, line: Line) -> Iterator[tuple[str, Style]]:
        """Yield the texts of a line with their styles; places in files are links."""
        for text, ink in line:
            style, at = self.ink(ink), 0
            for place in places.find(text, self.root):
                yield text[at : place.start], style
                address = places.link(self.root, place)
                yield text[place.start : place.end], style + Style(link=address) if address else style
                at = place.end
            yield text[at:], style

    def clicked(self, index: int, x: int) -> None:
        """Open the place that was clicked."""
        source, piece = self._parts[index]
        line = self._lines[source]
        start = self._span(line, piece)[0] if self.WRAPS else self._indent
        text = "".join(part for part, _ in line)
        cells = 0
        at = next(
            (n for n in range(start, len(text)) if (cells := cells + cell_len(text[n])) > x - _MARGIN), -1
        )
        for place in places.find(text, self.root):
            if place.start <= at < place.end:
                self.post_message(SourceWanted(place.path, place.line))

    def _span(self, line: Line, piece: int) -> tuple[int, int]:
        room = self._room
        text = "".join(text for text, _ in line)
        if piece == 0 and cell_len(text) <= room:
            return 0, len(text)
        pieces = wrap(text, room)
        start = sum(len(part) for part in pieces[:piece])
        return start, start + len(pieces[piece])

    def ink(self, name: str) -> Style:
        """Return a text style of the theme, or the one that coloured output asks for."""
        return Style.parse(name[1:]) if name.startswith("=") else super().ink(name)

    def action_scroll_left(self) -> None:
        """Scroll to the left."""
        if not self.WRAPS and self._indent:
            self._indent = max(0, self._indent - 8)
            self.refresh()

    def action_scroll_right(self) -> None:
        """Scroll to the right."""
        longest = max((sum(len(text) for text, _ in line) for line in self._lines), default=0)
        if not self.WRAPS and longest - self._indent > self.size.width // 2:
            self._indent += 8
            self.refresh()
