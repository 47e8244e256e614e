"""The spans of a trace as rows that fold, kept up to date while it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from enctest_tui.selftime import OwnTime
from enctest_tui.spanrows import Row, SpanRows
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.widgets.folding_view import FoldingView

_MANY = 2000
"""Spans from which on rows are recomputed at most four times a second."""
_PAUSE = 0.25
T = TypeVar("T")


class SpanList(FoldingView):
    """A row per span, group of equal spans, or event. Subclasses draw them.

    Attributes:
        tail: Whether the cursor follows the newest open span.
        pinned: The span whose details stay, if any.
        said: What the last key found, in a few words.
    """

    def __init__(self, trace: Trace, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.rows = SpanRows(trace)
        self.own = OwnTime(trace)
        self.why_empty = ""
        self.tail = True
        self.pinned: SpanNode | None = None
        self.said = ""
        self._rebuilt_at = 0.0

    def empty(self) -> str:
        """Return what to say when there are no rows."""
        return self.why_empty

    @property
    def trace(self) -> Trace:
        """The trace that is shown."""
        return self.rows.trace

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows.rows[self.cursor] if self.cursor < len(self.rows.rows) else None

    def marked(self, index: int) -> bool:
        """Mark the pinned span."""
        row = self.rows.rows[index]
        return self.pinned is not None and row.span is self.pinned and row.note is None

    # --- keeping up ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Show another test's trace from its beginning."""
        self.tail = True
        self.pinned = None
        self.said = ""
        with self.prevent(self.Moved):
            self.cursor = 0
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh_trace()

    def refresh_trace(self) -> None:
        """Show what has come; the cursor stays on its span, or follows the newest open one."""
        now = time.monotonic()
        if len(self.trace.spans) > _MANY and self.trace.is_live and now - self._rebuilt_at < _PAUSE:
            return
        self._rebuilt_at = now
        row = self.row
        if not self.rows.refresh():
            self.refresh()
            return
        if self.pinned is not None and self.trace.spans.get(self.pinned.id) is not self.pinned:
            self.pinned = None
        self.grown()
        self.set_lines(len(self.rows.rows))
        index = self._place(row)
        if index != self.cursor:
            with self.prevent(self.Moved):
                self.cursor = index
            self.show_cursor()
        self.post_message(self.Moved(self))

    def grown(self) -> None:
        """Called when spans have come, before they are shown."""

    def _place(self, row: Row | None) -> int:
        """Return where the cursor belongs after the rows have changed."""
        if self.tail:
            culprit = self.trace.culprit()
            return next((at for at, each in enumerate(self.rows.rows) if each.span is culprit), 0)
        if row is None:
            return 0
        rows = self.rows.rows
        if self.cursor < len(rows) and rows[self.cursor] is row:
            return self.cursor
        found = next((at for at, each in enumerate(rows) if each is row), None)
        if found is None:
            key = row.key
            found = next((at for at, each in enumerate(rows) if each.key == key), None)
        return self._above(row.span) if found is None else found

    def _above(self, span: SpanNode | None) -> int:
        """Return the row of the nearest span at or above this one that is shown."""
        shown = {row.span.id: at for at, row in enumerate(self.rows.rows) if row.note is None}
        while span is not None:
            if span.id in shown and self.trace.spans.get(span.id) is span:
                return shown[span.id]
            span = span.parent
        return min(self.cursor, max(0, len(self.rows.rows) - 1))

    def touched(self) -> None:
        """Stop following the newest span."""
        self.tail = False
        self.said = ""

    def action_trace_tail(self) -> None:
        """Follow the newest open span again."""
        self.tail = True
        self.go_to(self._place(None))
        self.post_message(self.Moved(self))

    def action_trace_pin(self) -> None:
        """Keep the details of this span while the cursor moves on, or let go of them."""
        row = self.row
        wanted = row.span if row is not None else None
        self.pinned = None if self.pinned is wanted else wanted
        self.refresh()
        self.post_message(self.Moved(self))

    # --- folding -------------------------------------------------------------------------------------

    def foldable(self) -> Sequence[Row]:
        """Return the rows, from the first."""
        return self.rows.rows

    def fold(self, *, open_: bool) -> bool:
        """Fold or unfold the row under the cursor; say whether that changed anything."""
        self.touched()
        row = self.row
        if row is None or not self.rows.fold(row, open_):
            return False
        self.set_lines(len(self.rows.rows))
        return True

    def action_trace_unfold_all(self) -> None:
        """Unfold everything."""
        self._rebuilt(lambda: self.rows.fold_all(open_=True))

    def action_trace_fold_all(self) -> None:
        """Fold everything."""
        self._rebuilt(lambda: self.rows.fold_all(open_=False))

    def action_trace_level(self, step: int) -> None:
        """Show one level more (1) or less (-1)."""
        levels = self._rebuilt(lambda: self.rows.fold_to(step))
        self.said = f"{levels} level" + "s" * (levels != 1)

    def action_trace_group(self) -> None:
        """Show equal neighbours as one line, or each alone."""
        self._rebuilt(lambda: self.rows.group(on_=not self.rows.grouped))

    def _rebuilt(self, change: Callable[[], T]) -> T:
        """Change which rows there are; the cursor stays on its span, or goes to what is above it."""
        self.touched()
        row = self.row
        result = change()
        self.set_lines(len(self.rows.rows))
        self.go_to(self._place(row))
        self.post_message(self.Moved(self))
        return result

    def clicked(self, index: int, x: int) -> None:
        """Fold or unfold a span whose arrow was clicked."""
        row = self.rows.rows[index]
        if row.folds and 2 * row.depth <= x <= 2 * row.depth + 2:
            self.action_trace_toggle()
