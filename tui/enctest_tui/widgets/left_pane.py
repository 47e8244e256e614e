"""The left side: the tree of tests or the same turned round, each with its filter."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from enctest.events import FindUsers
from enctest_tui.facts import Status
from enctest_tui.model import Changes, Model
from enctest_tui.node import TOTAL, Node
from enctest_tui.users import UserRow
from enctest_tui.widgets.column_head import ColumnHead
from enctest_tui.widgets.find_box import FindBox
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.test_tree import TestTreeView
from enctest_tui.widgets.users_view import UsersView


class LeftPane(Vertical):
    """Two lists, of which one is shown; `ask` takes questions to the explorer.

    Attributes:
        shows_users: Whether the tests are turned round.
    """

    def __init__(self, model: Model, ask: Callable[[FindUsers], None]) -> None:
        super().__init__(id="left")
        self._model = model
        self.shows_users = False
        self.tests = TestTreeView(model.tests, id="tests")
        self.head = ColumnHead(self.tests)
        self.users = UsersView(model.users, lambda: model.tests, ask, id="users")
        self.filter = FindBox("words of a node id, is:failed, mark:slow", id="filter")
        self.users_filter = FindBox("words of a file's path and a function's name", id="users-filter")

    def compose(self) -> ComposeResult:
        """One list over its filter."""
        yield self.head
        yield self.tests
        yield self.users
        yield self.filter
        yield self.users_filter

    @property
    def list(self) -> LineView:
        """The list that is shown."""
        return self.users if self.shows_users else self.tests

    @property
    def has_the_focus(self) -> bool:
        """Whether the user is on this side."""
        return any(each.has_focus for each in (self.list, self.filter.input, self.users_filter.input))

    @property
    def selected(self) -> Node | None:
        """The node of the test tree that is selected in the list that is shown."""
        return self.users.selected_test if self.shows_users else self.tests.selected

    @property
    def use(self) -> UserRow | None:
        """The selected file or function, where the tests are turned round."""
        row = self.users.selected if self.shows_users else None
        return row if row is not None and row.folds else None

    def selection(self) -> tuple[str, ...]:
        """Return what to run: node ids, files or folders."""
        return self.users.selection() if self.shows_users else self.tests.selection()

    def turn(self, *, round_: bool) -> None:
        """Show the tests turned round, or the tree."""
        self.shows_users = round_
        self.set_class(round_, "-users")
        box, other = (self.users_filter, self.filter) if round_ else (self.filter, self.users_filter)
        other.remove_class("-open")
        box.set_class(bool(box.text), "-open")
        if round_:
            self.users.ask()
            self.users.refresh_users()
        self.list.focus()

    def look_for(self, path: str, line: int) -> None:
        """Go to the function that holds a line (from 1), in the tests turned round."""
        self.users_filter.clear()
        self.users.look_for(path, line)

    def refresh_tests(self, lost: str) -> None:
        """Show what events have changed in the tests; `lost` says why there is no explorer."""
        self.tests.why_empty = "" if lost else why_empty(self._model.status)
        self.tests.refresh_tree()
        if self.shows_users:
            self.users.refresh_tests()
        self._count()

    def follow(self, changes: Changes) -> None:
        """Show answers that have come, and ask again when they may have changed."""
        if Changes.USERS in changes:
            self.users.refresh_users()
        if changes & (Changes.FINISHED | Changes.ATTACHED) and self.shows_users:
            self.users.ask()

    def open_filter(self) -> None:
        """Look for something in the list that is shown."""
        (self.users_filter if self.shows_users else self.filter).open()

    def give_up_filter(self) -> bool:
        """Show everything again; False when everything is shown."""
        box = self.users_filter if self.shows_users else self.filter
        had = bool(box.text)
        box.clear()
        return had

    @on(LineView.Moved, "#tests")
    def _count(self) -> None:
        rows = self.tests.rows
        if rows.filter:
            self.filter.count(f"{rows.matches:,} of {self._model.tests.root.counts[TOTAL]:,}")

    @on(TestTreeView.ColumnsChanged)
    def _columns_changed(self) -> None:
        self.set_class(self.tests.all_columns, "-columns")
        self.head.refresh_head()

    @on(FindBox.Typed, "#filter")
    def _filter_typed(self, event: FindBox.Typed) -> None:
        event.stop()
        # In the list's own turn: a message that it sends in ours would end here.
        self.tests.call_later(self._filter_tests, event.text)

    def _filter_tests(self, text: str) -> None:
        self.tests.set_filter(text)
        self._count()

    @on(FindBox.Typed, "#users-filter")
    def _users_filter_typed(self, event: FindBox.Typed) -> None:
        event.stop()
        self.users.call_later(self._filter_users, event.text)

    def _filter_users(self, text: str) -> None:
        self.users.set_filter(text)
        files = sum(row.kind == "file" for row in self.users.rows.rows)
        self.users_filter.count(f"{files:,} of {len(self._model.users.files or ()):,}" if text else "")

    @on(FindBox.Closed)
    def _filter_closed(self, event: FindBox.Closed) -> None:
        event.stop()
        self.list.focus()


def why_empty(status: Status) -> str:
    """Return what stands in the place of tests while there are none."""
    if status.phase == "starting":
        return "starting…"
    if status.phase == "collecting" or not status.root or not status.is_ready:
        return "collecting tests…"
    arguments = f" with the arguments {' '.join(status.args)}" if status.args else ""
    return f"no tests: pytest found none in {status.root}{arguments}"
