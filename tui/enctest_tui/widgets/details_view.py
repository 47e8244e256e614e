"""The details of a span: lines that lead to source, and values that fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from enctest_tui.actions import Where
from enctest_tui.detail_lines import DetailLine, Place
from enctest_tui.keys import bindings
from enctest_tui.span_details import Reading
from enctest_tui.widgets.places import SourceWanted
from enctest_tui.widgets.text_view import TextView


class SpanDetails(TextView):
    """Attributes, events and stack of the selected span. Enter opens a frame, or folds a value."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("details")
    KIND: ClassVar[Where] = "details"
    HAS_CURSOR: ClassVar[bool] = True

    class Turned(Message):
        """A value was folded or unfolded: the lines are to be made again."""

    def __init__(self, reading: Reading, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._reading = reading
        self._details: Sequence[DetailLine] = ()
        self._subject: object = None

    def shows_cursor(self) -> bool:
        """Show it only to those who are here."""
        return self.has_focus

    def show_details(self, lines: Sequence[DetailLine], subject: object) -> None:
        """Show these lines, from the top when they are about something else than before."""
        same, self._subject = subject == self._subject, subject
        self._details = lines
        self.show(lines, keep_place=same)

    @property
    def line(self) -> DetailLine | None:
        """The line under the cursor."""
        at = self.source_line(self.cursor)
        return self._details[at] if at is not None else None

    def place(self) -> Place | None:
        """Return the place that the cursor's line leads to, if it is shown."""
        line = self.line
        return line.place if line is not None and self.has_focus else None

    def action_choose(self) -> None:
        """Open the frame, or fold or unfold the value."""
        line = self.line
        if line is not None and line.place is not None:
            self.post_message(SourceWanted(*line.place))
        else:
            self.action_details_fold()

    def action_details_fold(self) -> None:
        """Fold or unfold the value."""
        line = self.line
        if line is not None and line.fold:
            self._reading.turned ^= {line.fold}
            self.post_message(self.Turned())

    def action_details_next(self, step: int) -> None:
        """Go to the next (1) or previous (-1) line that leads somewhere or folds, going round."""
        here = self.source_line(self.cursor) or 0
        found = [at for at, line in enumerate(self._details) if line.place or line.fold]
        beyond = [at for at in found if (at - here) * step > 0]
        if beyond or found:
            at = (beyond or found)[0 if step > 0 else -1]
            self.go_to(self.row_of(at))

    def clicked(self, _index: int, _x: int) -> None:
        """Fold or unfold a value that was clicked."""
        self.action_details_fold()
