"""What the shown trace gives away, over everything else: findings, times by operation, critical path."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from enctest.events import Command, Explain
from enctest_tui.actions import BY_ID, display
from enctest_tui.analysis import TITLES, VIEWS, View, finding_rows, operation_rows, path_rows
from enctest_tui.model import Model
from enctest_tui.widgets.analysis_view import AnalysisView, Head
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.text_view import TextView

_MANY, _PAUSE = 2000, 0.25
"""Spans from which on a growing trace is analysed so many seconds apart."""

Ask = Callable[[Command], None]


class AnalysisScreen(ModalScreen[tuple[int, ...]]):
    """One list, and what there is to say about the selected row; Enter returns its spans.

    Args:
        model: What is shown.
        view: Which list to begin with.
        keys: The keys of each action.
        ask: Takes questions to the explorer.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(BY_ID[view].keys, f"show('{view}')", BY_ID[view].help, id=view, show=False)
            for view in VIEWS
        ),
        Binding("tab", "next", "Show the next list", show=False),
        Binding("escape,q", "close", "Close", show=False),
        Binding("ctrl+c,ctrl+q", "app.quit", "Quit", priority=True),
    ]

    def __init__(self, model: Model, view: View, keys: Mapping[str, str], ask: Ask) -> None:
        super().__init__()
        self._model = model
        self._view: View = view
        self._keys = keys
        self._ask = ask
        self._kept_up = 0.0
        self._shown: tuple[View, str, int] | None = None
        self.list = AnalysisView(id="analysis-list")
        self.head = Head(self.list)
        self.about = TextView(id="analysis-about")

    def compose(self) -> ComposeResult:
        """Columns over the list, over what there is to say."""
        with Vertical(id="analysis") as box:
            names = "  ".join(f"{display(self._keys[view], 1)} {TITLES[view]}" for view in VIEWS)
            box.border_subtitle = f"Esc closes  Enter goes there  {names}"
            yield self.head
            yield self.list
            yield self.about

    def on_mount(self) -> None:
        """Begin with the list that was asked for."""
        self.list.focus()
        self.show_all()

    def keep_up(self) -> None:
        """Show what has come; of a large trace that grows, at most four times a second."""
        trace, now = self._model.trace, time.monotonic()
        if not self.query("#analysis"):
            return  # not put together yet, or closed already
        if len(trace.spans) < _MANY or not trace.is_live or now - self._kept_up > _PAUSE:
            self._kept_up = now
            self.show_all()

    def show_all(self) -> None:
        """Show what is known now; ask about the run that is shown if that has not been done."""
        model, view = self._model, self._view
        trace, found = model.trace, model.findings
        asked = Explain(test=model.details.test, run=trace.run)
        if asked.test and asked.run and not model.details.running and asked != model.explained:
            model.explained = asked
            self._ask(asked)
        make = {
            "findings": lambda width: finding_rows(found or (), width),
            "statistics": lambda width: operation_rows(trace, width),
            "critical-path": lambda _width: path_rows(trace),
        }[view]
        shown = (view, model.details.test, trace.run)
        self.head.of = view
        self.head.set_class(view == "findings", "-hidden")
        self.head.refresh()
        self.query_one("#analysis", Vertical).set_class(view == "findings", "-findings")
        self.list.show(make, self._why_empty(), keep_place=shown == self._shown)
        self._shown = shown
        count = f" ({len(found)})" if view == "findings" and found else ""
        name = model.details.test.rpartition("::")[2]
        self.query_one("#analysis", Vertical).border_title = f"{TITLES[view]}{count}  {name}".replace(
            "[", "\\["
        )

    def _why_empty(self) -> str:
        model = self._model
        if not model.details.test:
            return "select a test"
        if self._view != "findings":
            return "no spans were recorded"
        if model.details.running:
            return "the test is running…"
        if model.findings is None:
            return "looking…" if model.trace.run else "not run yet"
        return "nothing stands out"

    @on(LineView.Moved, "#analysis-list")
    def _moved(self, event: LineView.Moved) -> None:
        event.stop()
        row = self.list.row
        self.about.show(row.about if row is not None else [])

    @on(LineView.Chosen, "#analysis-list")
    def _chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        row = self.list.row
        if row is not None and row.spans:
            self.dismiss(row.spans)

    def action_show(self, view: View) -> None:
        """Show another list, or close the one that is shown."""
        if view == self._view:
            self.dismiss(())
        else:
            self._view = view
            self.show_all()

    def action_next(self) -> None:
        """Show the next list."""
        self.action_show(VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)])

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(())
