"""The base of the widgets that are a few lines of words fitted to their width."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

_STUMP = 8
"""Cells; with fewer, words that are cut say nothing."""


class Bar(Widget):
    """Draws itself only when its words or its width have changed. Subclasses say what."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._drawn = Content("")

    @property
    def room(self) -> int:
        """Cells between the paddings."""
        return max(10, self.content_size.width)

    def words(self) -> Content:
        """Return what to say."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Say it again if it is no longer the same."""
        words = self.words()
        if words.plain != self._drawn.plain or words.spans != self._drawn.spans:
            grows = words.plain.count("\n") != self._drawn.plain.count("\n")
            self._drawn = words
            self.refresh(layout=grows)

    def on_resize(self) -> None:
        """Fit the words to the new width."""
        self.redraw()

    def render(self) -> Content:
        """Draw the words."""
        return self._drawn


def both_ends(left: Content, right: Content, width: int) -> Content:
    """Return one line with `left` cut to what `right`, at the other end, leaves; a mere stump is left out."""
    room = width - right.cell_length - 2
    if left.cell_length > room and room < _STUMP:
        left = Content("")
    elif left.cell_length > room:
        left = left.truncate(max(0, room), ellipsis=True)
    return Content.assemble(left, " " * max(1, width - left.cell_length - right.cell_length), right)
