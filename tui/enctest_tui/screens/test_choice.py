"""A test to compare with, found by words or picked from the list."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from enctest_tui.testtree import TestTree
from enctest_tui.widgets.find_box import FindBox
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.test_choice_list import TestChoiceList


class TestChoice(ModalScreen[str]):
    """Returns the id of the test that was chosen; empty for none.

    Args:
        tree: Where the tests are.
        test: The id of the one that is compared.
    """

    __test__ = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", priority=True),
        Binding("slash,tab", "find", "Find", show=False),
        Binding("q", "close", "Close", show=False),
        Binding("ctrl+c,ctrl+q", "app.quit", "Quit", priority=True),
    ]

    def __init__(self, tree: TestTree, test: str) -> None:
        super().__init__()
        self._name = test.rpartition("::")[2]
        self.list = TestChoiceList(tree, test, id="choice-tests")
        self.box = FindBox("words of a node id, is:failed, mark:slow", id="choice-filter")

    def compose(self) -> ComposeResult:
        """What is looked for over what there is."""
        with Vertical(id="choice") as box:
            box.border_title = f"Compare {self._name} with".replace("[", "\\[")
            box.border_subtitle = "Enter takes it  ↓ to the list  Esc closes"
            yield self.box
            yield self.list

    def on_mount(self) -> None:
        """Begin with all of them, where the compared one stands."""
        self.box.open()
        self._show_only("")

    def _show_only(self, text: str) -> None:
        self.list.show_only(text)
        self.box.count(f"{self.list.line_count:,} of {self.list.offered:,}")

    @on(FindBox.Typed)
    def _typed(self, event: FindBox.Typed) -> None:
        event.stop()
        self._show_only(event.text)

    @on(FindBox.Closed)
    def _box_closed(self, event: FindBox.Closed) -> None:
        event.stop()
        if event.entered:
            self._take()
        else:
            self.set_focus(self.list)

    @on(LineView.Chosen)
    def _take(self) -> None:
        test = self.list.selected
        if test is not None:
            self.dismiss(test.id)
        else:
            self.action_find()

    def action_find(self) -> None:
        """Type what to look for."""
        self.box.open()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss("")
