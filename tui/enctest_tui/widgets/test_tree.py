"""The tree of tests, drawn line by line."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from enctest_tui.actions import Where
from enctest_tui.figures import ORDERS, Column, shown
from enctest_tui.keys import bindings
from enctest_tui.node import BAD, OUTDATED, TOTAL, Node
from enctest_tui.outcomes import OUTDATED as OUTDATED_MARK
from enctest_tui.rows import Rows, is_old
from enctest_tui.testtree import TestTree
from enctest_tui.text import clean, fit, one_line
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.signs import FOUND, found_in, mark, shape

_NUMBERS = 8
"""Cells of the right column: durations and counts."""
_CHEAP = 0.01
"""Seconds that computing the rows may take with every batch of events."""
_SHARE = 8
"""Rows that take longer are computed in at most one part of so many of the time."""
_PLACE = 12
"""Cells from which on a sorted test's file stands behind its name."""
_ROOM = 24
"""Cells a name keeps before a message may stand beside it."""


class TestTreeView(LineView):
    """Folders, files, classes and tests with mark, shape, duration, numbers of failures and outdated."""

    __test__ = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("tree")
    KIND: ClassVar[Where] = "tree"

    class ColumnsChanged(Message):
        """Other columns are shown, or another one sorts."""

    def __init__(self, tree: TestTree, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.rows = Rows(tree)
        self.why_empty = ""
        self.all_columns = False
        self.was_touched = False
        self.spin = 0
        self._painted: list[tuple[Node, int]] = []
        self._later: Timer | None = None

    def empty(self) -> str:
        """Return what to say when there are no lines."""
        return "no test matches the filter" if self.rows.filter else self.why_empty

    @property
    def selected(self) -> Node | None:
        """The node under the cursor."""
        return self.rows.selected

    # --- keeping up ----------------------------------------------------------------------------------

    def set_tree(self, tree: TestTree) -> None:
        """Show another tree; filter and cursor stay where they can."""
        self.rows.tree = tree
        self.rows.rebuild()
        self._rows_changed(self.cursor)

    def refresh_tree(self) -> None:
        """Show what has changed in the tree: all rows if some came or went, else only those that differ."""
        if self.rows.is_stale and self.rows.cost > _CHEAP:
            # Rows of tens of thousands of tests: not with every batch of events.
            if self._later is None:
                self._later = self.set_timer(_SHARE * self.rows.cost, self._compute_late)
        else:
            self._compute_rows()
        self._repaint_changed()

    def _compute_late(self) -> None:
        self._later = None
        self._compute_rows()
        self.post_message(self.Moved(self))  # the cursor may be on another test now

    def _compute_rows(self) -> None:
        before = self.rows.cursor
        if self.rows.refresh():
            self._rows_changed(before)

    def _repaint_changed(self) -> None:
        if not self.line_count:
            self.refresh()
        top = self.scroll_offset.y
        for at, (node, stamp) in enumerate(self._painted):
            if node.stamp != stamp:
                self.repaint(top + at)

    def turn_spinner(self) -> None:
        """Go on with the signs of tests that run."""
        self.spin += 1
        top = self.scroll_offset.y
        for at in range(top, min(top + self.size.height, self.line_count)):
            if self.rows.nodes[at].running:
                self.repaint(at)

    def _rows_changed(self, before: int) -> None:
        """Show new rows; the cursor's line stays where it is on the screen."""
        shift = self.rows.cursor - before
        offset = self.scroll_offset.y
        was_visible = offset <= before < offset + self.size.height
        self.set_lines(len(self.rows.nodes))
        if self.rows.cursor != self.cursor:
            with self.prevent(self.Moved):
                self.cursor = self.rows.cursor
        if shift and was_visible and offset + shift >= 0 and offset:
            self.scroll_to(y=offset + shift, animate=False, force=True)
        elif was_visible or not offset:
            self.show_cursor()

    def set_filter(self, text: str) -> None:
        """Show only what the filter asks for."""
        before = self.rows.cursor
        self.rows.set_filter(text)
        self._rows_changed(before)
        self.post_message(self.Moved(self))

    def watch_cursor(self, old: int, new: int) -> None:
        """Tell the rows where the cursor is."""
        self.rows.cursor = new
        super().watch_cursor(old, new)

    def go_to_test(self, test: Node) -> bool:
        """Put the cursor on a test and open what hides it; False when the filter leaves it out."""
        before = self.rows.cursor
        index = self.rows.reveal(test)
        if index is None:
            return False
        self.set_lines(len(self.rows.nodes))
        if index != self.cursor:
            self.go_to(index, middle=True)
        elif before != index:
            self.post_message(self.Moved(self))
        return True

    def selection(self) -> tuple[str, ...]:
        """Return what to run: the id of the selected row, or the tests that are left of a group."""
        node = self.selected
        if node is None:
            return ()
        if node.is_test or (node.kind in {"file", "folder"} and not self.rows.filter):
            return (node.id,)
        below = set(self.rows.nodes) if self.rows.filter else None
        return tuple(test.id for test in node.tests() if below is None or test in below)

    def touched(self) -> None:
        """Remember that the user has taken over."""
        self.was_touched = True

    # --- folding -------------------------------------------------------------------------------------

    def _fold(self, open_: bool) -> bool:
        if not self.line_count or not self.rows.fold(self.cursor, open_):
            return False
        self.set_lines(len(self.rows.nodes))
        return True

    def action_fold(self) -> None:
        """Fold the group, or go to the one above."""
        self.touched()
        if self.line_count and not self._fold(open_=False):
            above = self.rows.parent(self.cursor)
            if above is not None:
                self.go_to(above)

    def action_unfold(self) -> None:
        """Unfold the group, or go to the first row in it."""
        self.touched()
        node = self.selected
        if node is not None and not node.is_test and not self._fold(open_=True):
            self.go_to(self.cursor + 1)

    def action_turn(self) -> None:
        """Fold or unfold the group."""
        self.touched()
        node = self.selected
        if node is not None and not node.is_test:
            self._fold(open_=not self.rows.is_open(node))

    def action_unfold_all(self) -> None:
        """Unfold everything."""
        self._fold_all(open_=True)

    def action_fold_all(self) -> None:
        """Fold everything but folders."""
        self._fold_all(open_=False)

    def _fold_all(self, open_: bool) -> None:
        self.touched()
        before = self.rows.cursor
        self.rows.fold_all(open_)
        self._rows_changed(before)
        self.post_message(self.Moved(self))

    def clicked(self, index: int, x: int) -> None:
        """Fold or unfold a group whose arrow was clicked."""
        node = self.rows.nodes[index]
        if not node.is_test and 2 * node.depth <= x <= 2 * node.depth + 2:
            self.action_turn()

    # --- columns -------------------------------------------------------------------------------------

    def columns(self, width: int) -> tuple[Column, ...]:
        """Return the columns that are shown on so many cells."""
        return shown(width, _ROOM, self.rows.order, all_=self.all_columns)

    def action_columns(self) -> None:
        """Show what traces add up to, or durations alone."""
        self.all_columns = not self.all_columns
        self._columns_changed()

    def action_sort(self, step: int = 1) -> None:
        """Sort by the next column; after the last one, show the tree again."""
        self.touched()
        before = self.rows.cursor
        self.rows.set_order(ORDERS[(ORDERS.index(self.rows.order) + step) % len(ORDERS)])
        self._rows_changed(before)
        self.show_cursor()
        self._columns_changed()
        self.post_message(self.Moved(self))

    def _columns_changed(self) -> None:
        self.post_message(self.ColumnsChanged())
        self.refresh()

    # --- drawing -------------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Remember what is on the screen, so that a batch of events repaints only rows that differ."""
        top = self.scroll_offset.y
        self._painted = [(node, node.stamp) for node in self.rows.nodes[top : top + self.size.height]]
        return super().render_lines(crop)

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one row: mark or fold arrow, shape, name, message, numbers."""
        node = self.rows.nodes[index]
        left = [Segment(" " + "  " * node.depth * (not self.rows.is_flat))]
        fold = "▾" if self.rows.is_open(node) else "▸"
        signs = (mark(node) if node.is_test else (fold, "faint"), shape(node, self.spin))
        left += [Segment(f"{sign} ", self.ink(ink)) for sign, ink in signs]
        right = self._numbers(node, width)
        used = sum(segment.cell_length for segment in left)
        free = width - used - sum(segment.cell_length for segment in right) - 1
        full = node.id.removeprefix(f"{node.path}::") if self.rows.is_flat else node.name
        name = fit(clean(full), free)
        left.append(Segment(name, self._name_ink(node)))
        free -= cell_len(name)
        if self.rows.is_flat and free > _PLACE:
            place = fit(f"  {clean(node.path)}", free)
            left.append(Segment(place, self.ink("faint")))
            free -= cell_len(place)
        if node.is_test and node.bad and node.message and free > _ROOM // 2 and width > 2 * _ROOM:
            message = fit(one_line(node.message), free - 2)
            left.append(Segment(f"  {message}", self.ink("faint")))
            free -= cell_len(message) + 2
        return [*left, Segment(" " * max(0, free)), *right]

    def _name_ink(self, node: Node) -> Style:
        if node.is_test:
            quiet = node.outcome in {None, "skipped", "xfailed"} or node.standing == "outdated"
            return self.ink("dim" if quiet and not node.running else "plain")
        return self.ink("plain" if node.kind in {"folder", "function"} else "strong")

    def _numbers(self, node: Node, width: int) -> list[Segment]:
        if node.is_test:
            found = [Segment(f" {FOUND} ", self.ink("accent"))] if found_in(node) else []
            *others, last = (self._number(node, column) for column in self.columns(width))
            return [*found, *others, Segment(f"{last.text} ", last.style)]
        bad = f" ✗ {node.counts[BAD]}  " if node.counts[BAD] else ""
        outdated = f" {OUTDATED_MARK} {node.counts[OUTDATED]}  " if node.counts[OUTDATED] else ""
        return [
            Segment(bad, self.ink("bad-old" if is_old(node) else "bad")),
            Segment(outdated, self.ink("outdated")),
            Segment(f"{node.counts[TOTAL]:>{_NUMBERS}} ", self.ink("faint")),
        ]

    def _number(self, test: Node, column: Column) -> Segment:
        value = column.value(test)
        text = column.text(value) if value is not None else ""
        grown = column.order == "growth" and value is not None and value > 0
        return Segment(f"{text:>{column.width}}", self.ink("warn" if grown else "faint"))
