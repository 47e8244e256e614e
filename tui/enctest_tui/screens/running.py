"""What runs now, in which worker and for how long, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from enctest.events import FindStacks
from enctest_tui.actions import BY_ID
from enctest_tui.analysis import Row
from enctest_tui.model import Model
from enctest_tui.screens.analysis import Ask
from enctest_tui.stacks import describe_stacks
from enctest_tui.text import clean, duration
from enctest_tui.widgets.analysis_view import AnalysisView
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.text_view import TextView

_BEAT = 0.2
"""Seconds between two looks at the clock."""


class RunningScreen(ModalScreen[None]):
    """The tests that run, the longest first; below, the stacks of the selected one's worker.

    Args:
        model: What is shown.
        ask: Takes questions to the explorer.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,space", "ask_again", "Ask again", show=False),
        Binding(BY_ID["running"].keys, "close", BY_ID["running"].help, id="running", show=False),
        Binding("tab", "switch", "To the stacks and back", show=False),
        Binding("escape,q", "close", "Close", show=False),
        Binding("ctrl+c,ctrl+q", "app.quit", "Quit", priority=True),
    ]

    def __init__(self, model: Model, ask: Ask) -> None:
        super().__init__()
        self._model = model
        self._ask = ask
        self._asked = ""
        self._tests: list[str] = []
        self.list = AnalysisView(id="running-list")
        self.stacks = TextView(id="running-stacks")

    def compose(self) -> ComposeResult:
        """Tests over stacks."""
        with Vertical(id="running") as box:
            box.border_title = "Running now"
            box.border_subtitle = "Esc closes  Enter asks again where it is  Tab to the stacks"
            yield self.list
            yield self.stacks

    def on_mount(self) -> None:
        """Begin with the test that has run longest."""
        self.list.focus()
        self.set_interval(_BEAT, self.show_tests)
        self.show_tests()

    def show_tests(self) -> None:
        """Show which tests run now; ask about another one when the selected one has ended."""
        selected = self._selected
        running = self._model.running
        self._tests = sorted(running, key=lambda test: running[test][0])
        self.list.show(lambda _width: self._rows(), "nothing runs now", keep_place=True)
        if selected in self._tests:
            self.list.cursor = self._tests.index(selected)
        if self._selected != self._asked:
            self._ask_where()

    def show_stacks(self) -> None:
        """Show an answer that has come."""
        if self._selected:
            self.stacks.show(describe_stacks(self._model.stacks.get(self._selected)))

    @property
    def _selected(self) -> str:
        return self._tests[self.list.cursor] if self.list.cursor < len(self._tests) else ""

    def _rows(self) -> Sequence[Row]:
        model = self._model
        now = model.wall()
        return [
            Row(
                [
                    (f" {duration(max(0.0, now - since) * 1000):>9} ", "accent"),
                    (f"worker {worker}  ", "faint"),
                    (clean(test), "plain"),
                ],
                (),
            )
            for test in self._tests
            for since, worker in [model.running[test]]
        ]

    def _ask_where(self) -> None:
        self._asked = self._selected
        self._model.stacks.pop(self._asked, None)
        if self._asked:
            self._ask(FindStacks(test=self._asked))
            self.show_stacks()

    @on(LineView.Moved, "#running-list")
    def _moved(self, event: LineView.Moved) -> None:
        event.stop()
        if self._selected != self._asked:
            self._ask_where()

    @on(LineView.Chosen, "#running-list")
    def _chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        self.action_ask_again()

    def action_ask_again(self) -> None:
        """Ask where the selected test is now."""
        self._ask_where()

    def action_switch(self) -> None:
        """Go to the stacks and back."""
        (self.list if self.stacks.has_focus else self.stacks).focus()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()
