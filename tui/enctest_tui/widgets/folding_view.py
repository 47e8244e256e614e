"""The base of lists that draw a trace: rows that fold, by the keys of the trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from textual.binding import BindingType

from enctest_tui.actions import Where
from enctest_tui.keys import bindings
from enctest_tui.widgets.line_view import LineView


class Foldable(Protocol):
    """One row.

    Attributes:
        depth: Levels of indentation.
        folds: Whether there is something below that can be folded.
        is_open: Whether that is shown.
    """

    depth: int
    folds: bool
    is_open: bool


class FoldingView(LineView):
    """A list of rows that fold. Subclasses say which there are, and fold one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("trace")
    KIND: ClassVar[Where] = "trace"

    def foldable(self) -> Sequence[Foldable]:
        """Return the rows, from the first."""
        raise NotImplementedError

    def fold(self, *, open_: bool) -> bool:
        """Fold or unfold the row under the cursor; say whether that changed anything."""
        raise NotImplementedError

    def _here(self) -> Foldable | None:
        rows = self.foldable()
        return rows[self.cursor] if self.cursor < len(rows) else None

    def action_trace_fold(self) -> None:
        """Fold the row, or go to its parent."""
        row = self._here()
        if not self.fold(open_=False) and row is not None:
            rows, above = self.foldable(), range(self.cursor - 1, -1, -1)
            self.go_to(next((at for at in above if rows[at].depth < row.depth), self.cursor))

    def action_trace_unfold(self) -> None:
        """Unfold the row, or go to its first child."""
        row = self._here()
        if row is not None and row.folds and not self.fold(open_=True):
            self.go_to(self.cursor + 1)

    def action_trace_toggle(self) -> None:
        """Fold or unfold the row."""
        row = self._here()
        if row is not None:
            self.fold(open_=not row.is_open)
