"""The tests turned round, drawn line by line: files, their functions, and the tests that run them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import BindingType

from enctest.events import FindUsers
from enctest_tui.actions import Where
from enctest_tui.keys import bindings
from enctest_tui.node import Node
from enctest_tui.testtree import TestTree
from enctest_tui.text import clean, fit
from enctest_tui.users import UserRow, UserRows, UserTree
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.signs import mark, shape

_NUMBERS = 8
"""Cells of the right column: counts."""


class UsersView(LineView):
    """Source files and functions, each with the number of tests that need it.

    Args:
        users: What the explorer has answered.
        tests: Returns the tree of tests there is now.
        ask: Takes a question to the explorer; the answer comes to `users`.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("tree")
    KIND: ClassVar[Where] = "tree"

    def __init__(
        self,
        users: UserTree,
        tests: Callable[[], TestTree],
        ask: Callable[[FindUsers], None],
        *,
        id: str,  # noqa: A002 - Textual's word
    ) -> None:
        super().__init__(id=id)
        self._ask = ask
        self.rows = UserRows(users)
        self._tests = tests
        self._goal: tuple[str, int] | None = None

    def empty(self) -> str:
        """Return what to say when there are no lines."""
        if self.rows.tree.files is None:
            return "looking for what the tests need…"
        return "no file matches the filter" if self.rows.filter else "no test has recorded what it needs yet"

    @property
    def selected(self) -> UserRow | None:
        """The row under the cursor."""
        return self.rows.selected

    @property
    def selected_test(self) -> Node | None:
        """The test under the cursor, if it is one that is still there."""
        row = self.selected
        return self._tests().tests.get(row.name) if row is not None and row.kind == "test" else None

    def selection(self) -> tuple[str, ...]:
        """Return the tests at or below the cursor, as far as they are known."""
        row = self.selected
        if row is None:
            return ()
        if row.kind == "test":
            return (row.name,)
        return self.rows.tree.tests.get((row.path, row.function), ())

    # --- asking --------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask for all that is shown: for the first time, or since it may have changed."""
        for question in self.rows.questions():
            self._ask(question)

    def look_for(self, path: str, line: int) -> None:
        """Go to the function that holds a line (from 1) of a file, as soon as the functions are known."""
        self._goal = (path, line)
        self.rows.set_filter("")
        self._ask(FindUsers(path=path))
        self.refresh_users()

    def refresh_users(self) -> None:
        """Show what the explorer has answered."""
        self.rows.rebuild()
        if self._goal is not None and self.rows.tree.files is not None:
            self._go_to_goal(*self._goal)
        self._rows_changed()

    def _go_to_goal(self, path: str, line: int) -> None:
        if not self.rows.knows(path):
            self._goal = None
            self.notify(f"no test is known to need {path}", markup=False, timeout=3)
        elif self.rows.go_to(path, line):
            self._goal = None
            row = self.selected
            if row is not None and row.kind == "function":
                self._ask(row.question)

    def refresh_tests(self) -> None:
        """Draw tests again whose outcome may have changed."""
        top = self.scroll_offset.y
        for at in range(top, min(top + self.size.height, self.line_count)):
            if self.rows.rows[at].kind == "test":
                self.repaint(at)

    def set_filter(self, text: str) -> None:
        """Show only what the filter asks for."""
        self.rows.set_filter(text)
        self._rows_changed()

    def _rows_changed(self) -> None:
        self.set_lines(len(self.rows.rows))
        if self.rows.cursor != self.cursor:
            with self.prevent(self.Moved):
                self.cursor = self.rows.cursor
        self.show_cursor()
        self.post_message(self.Moved(self))

    def watch_cursor(self, old: int, new: int) -> None:
        """Tell the rows where the cursor is."""
        self.rows.cursor = new
        super().watch_cursor(old, new)

    # --- folding -------------------------------------------------------------------------------------

    def _fold(self, open_: bool) -> bool:
        row = self.selected
        if row is None or not self.rows.fold(row, open_):
            return False
        if open_ and row.kind != "whole":
            self._ask(row.question)
        self._rows_changed()
        return True

    def action_fold(self) -> None:
        """Fold, or go to what is above."""
        if self.line_count and not self._fold(open_=False):
            above = self.rows.parent(self.cursor)
            if above is not None:
                self.go_to(above)

    def action_unfold(self) -> None:
        """Unfold, or go to the first row in it."""
        row = self.selected
        if row is not None and row.folds and not self._fold(open_=True):
            self.go_to(self.cursor + 1)

    def action_turn(self) -> None:
        """Fold or unfold."""
        row = self.selected
        if row is not None:
            self._fold(open_=not self.rows.is_open(row))

    def action_choose(self) -> None:
        """Go to the test, or fold or unfold what holds tests."""
        row = self.selected
        if row is not None and row.folds:
            self.action_turn()
        else:
            super().action_choose()

    def action_unfold_all(self) -> None:
        """Unfold all files; their functions are too many to ask for at once."""
        for row in [row for row in self.rows.rows if row.kind == "file"]:
            if self.rows.fold(row, open_=True):
                self._ask(row.question)
        self._rows_changed()

    def action_fold_all(self) -> None:
        """Fold everything."""
        self.rows.fold_all()
        self._rows_changed()

    def clicked(self, index: int, x: int) -> None:
        """Fold or unfold what was clicked at its arrow."""
        row = self.rows.rows[index]
        if row.folds and 2 * row.depth <= x <= 2 * row.depth + 2:
            self.action_turn()

    # --- drawing -------------------------------------------------------------------------------------

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one row: fold arrow, name and number; of a test its signs and id."""
        row = self.rows.rows[index]
        margin = Segment(" " + "  " * row.depth)
        if row.kind == "test":
            return [margin, *self._test(row, width - margin.cell_length)]
        arrow = ("▾ " if self.rows.is_open(row) else "▸ ") if row.folds else "  "
        number = f"{row.count:>{_NUMBERS}} " if row.folds else ""
        room = width - margin.cell_length - len(arrow) - len(number) - 1
        name = fit(clean(row.name), room)
        ink = {"file": "strong", "function": "plain"}.get(row.kind, "dim")
        return [
            margin,
            Segment(arrow, self.ink("faint")),
            Segment(name, self.ink(ink)),
            Segment(" " * max(0, room - cell_len(name) + 1)),
            Segment(number, self.ink("faint")),
        ]

    def _test(self, row: UserRow, width: int) -> list[Segment]:
        node = self._tests().tests.get(row.name)
        if node is None:
            return [Segment(fit(f"    {clean(row.name)}", width), self.ink("dim"))]
        signs = [Segment(f"{sign} ", self.ink(ink)) for sign, ink in (mark(node), shape(node, 0))]
        ink = "dim" if node.standing in {"outdated", "new"} else "plain"
        group = node.parent
        function = group.name if group is not None and group.kind == "function" else ""
        name = fit(clean(function + node.name), width - 5)
        place = fit(f"  {clean(node.path)}", width - 5 - cell_len(name))
        return [*signs, Segment(name, self.ink(ink)), Segment(place, self.ink("faint"))]
