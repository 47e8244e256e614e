"""What the main screen needs to show others over itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual import on
from textual.screen import Screen

from enctest_tui.analysis import View
from enctest_tui.facts import Status
from enctest_tui.model import Changes, Model
from enctest_tui.node import Node
from enctest_tui.screens.analysis import AnalysisScreen, Ask
from enctest_tui.screens.running import RunningScreen
from enctest_tui.screens.test_choice import TestChoice
from enctest_tui.widgets.signs import found_in
from enctest_tui.widgets.trace_pane import TracePane

if TYPE_CHECKING:
    from enctest_tui.widgets.side_pane import SidePane


def labels_of(node: Node | None, status: Status) -> dict[str, str]:
    """Return what to call keys below, differently from the registry: no findings, no key for them."""
    labels = {} if node is not None and found_in(node) else {"findings": ""}
    return labels if status.phase == "running" else labels | {"running": ""}


class Overlays(Screen[None]):
    """Opens other screens over the main one, and keeps them up to date."""

    model: Model
    side: SidePane
    _keys: Mapping[str, str]
    _ask: Ask

    def _show_side(self, *, on_: bool) -> None:
        """Show the side of the trace where there is room for one only."""
        raise NotImplementedError

    def show_overlay(self, changes: Changes) -> None:
        """Keep the open one up to date."""
        top = self.app.screen
        if isinstance(top, AnalysisScreen):
            if changes & (Changes.TRACE | Changes.DETAILS | Changes.FINDINGS):
                top.keep_up()
        elif isinstance(top, RunningScreen) and Changes.STACKS in changes:
            top.show_stacks()
        elif isinstance(top, TestChoice) and Changes.TESTS in changes:
            top.list.refresh()
        if Changes.FINISHED in changes:
            self.side.trace.ask_for_other()

    def action_analyse(self, view: View) -> None:
        """Show what the trace of the selected test gives away."""
        if not self.model.details.test:
            self.notify("select a test", markup=False, timeout=2)
            return
        self.app.push_screen(AnalysisScreen(self.model, view, self._keys, self._ask), self._go_to_spans)

    def action_running(self) -> None:
        """Show which tests run now, and where they are."""
        self.app.push_screen(RunningScreen(self.model, self._ask))

    @on(TracePane.OtherWanted)
    def _choose_other(self) -> None:
        """Let the user choose the test to compare with."""
        self.app.push_screen(TestChoice(self.model.tests, self.model.details.test), self._compare_with)

    def _compare_with(self, test: str | None) -> None:
        if test:
            # In the pane's own turn: a message that it sends in ours would end here.
            self.side.trace.call_later(self.side.trace.compare_with, test)

    def _go_to_spans(self, spans: tuple[int, ...] | None) -> None:
        if spans:
            self.side.open_tab("trace")
            self._show_side(on_=True)
            self.call_after_refresh(self.side.trace.point, spans)
