"""The right side: what is known of the selected test, in four tabs."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from enctest_tui import database
from enctest_tui.model import Model
from enctest_tui.node import Node
from enctest_tui.rows import is_old
from enctest_tui.users import UserRow
from enctest_tui.why import caveats, reasons
from enctest_tui.widgets.failure import FailureView
from enctest_tui.widgets.headline import Headline, coloured
from enctest_tui.widgets.output import OutputView
from enctest_tui.widgets.source import SourceView
from enctest_tui.widgets.tabs import TABS, TabStrip
from enctest_tui.widgets.text_view import Piece
from enctest_tui.widgets.trace_pane import TracePane
from enctest_tui.wording import label


class SidePane(Vertical):
    """Headline, tabs, and the view of the open tab. Only the open one is kept up to date.

    Args:
        model: What to show.
        open_key: The key that opens a test's database.
    """

    def __init__(self, model: Model, open_key: str) -> None:
        super().__init__(id="side")
        self._model = model
        self._open_key = open_key
        self._node: Node | None = None
        self._use: UserRow | None = None
        self._stale = set(TABS)
        self._shown_test = ""
        self.headline = Headline()
        self.tabs = TabStrip()
        self.trace = TracePane(model, id="trace")
        self.failure = FailureView(id="failure")
        self.output = OutputView(id="output")
        self.source = SourceView(id="source")

    def compose(self) -> ComposeResult:
        """Headline over tabs over views."""
        yield self.headline
        yield self.tabs
        with ContentSwitcher(initial=TABS[0]):
            yield self.trace
            yield self.failure
            yield self.output
            yield self.source

    @property
    def view(self) -> Widget:
        """The list of the open tab."""
        return {"trace": self.trace.front, "failure": self.failure, "output": self.output}.get(
            self.tabs.active, self.source
        )

    def open_tab(self, tab: str) -> None:
        """Open a tab; the focus stays in the tabs if it was there."""
        had_focus = self.view.has_focus
        self.tabs.open(tab)
        self.query_one(ContentSwitcher).current = tab
        self._refresh_open()
        if had_focus:
            self.view.focus()

    def show_headline(self, node: Node | None, use: UserRow | None = None) -> None:
        """Say what is selected, a test or group or else a file or function, and mark the tabs."""
        self._node, self._use = node, use
        details, model = self._model.details, self._model
        if use is not None:
            self.headline.show_use(use)
        elif node is not None and node.is_test:
            self.headline.show(node, details, reasons(node, details, model.status, model.hunts.get(node.id)))
        else:
            self.headline.show(node, details)
        marks = {}
        if node is not None and node.bad:
            marks["failure"] = Content.styled(" ✗", f"{coloured('failed')}{' 70%' if is_old(node) else ''}")
        if details.sections and node is not None and node.is_test:
            marks["output"] = Content.styled(f" {len(details.sections)}", "$foreground 40%")
        self.tabs.mark(marks)

    def show_details(self, node: Node | None, use: UserRow | None = None) -> None:
        """Show what is known now of what is selected, which may be something else than before."""
        self.show_headline(node, use)
        self._stale = set(TABS)
        self._refresh_open()

    def refresh_trace(self) -> None:
        """Show spans that have come."""
        if self.tabs.active == "trace" and "trace" not in self._stale:
            self.trace.refresh_trace()

    def refresh_failure(self) -> None:
        """Show what has been found of the test's databases."""
        self._stale.add("failure")
        if self.tabs.active == "failure":
            self._refresh_open()

    def refresh_source(self) -> None:
        """Read the shown file again if it was saved."""
        self._stale.add("source")
        if self.tabs.active == "source":
            self._refresh_open()

    def _refresh_open(self) -> None:
        tab = self.tabs.active
        if tab not in self._stale:
            return
        self._stale.discard(tab)
        for view in (self.failure, self.output, self.trace.details):
            view.root = self._model.status.root
        {"trace": self._show_trace, "failure": self._show_failure, "output": self._show_output}.get(
            tab, self._show_source
        )()

    def _show_trace(self) -> None:
        test = self._model.details.test
        self.trace.view.why_empty = self._why_no_trace()
        node = self._node
        self.trace.axis.is_old = node is not None and node.is_test and node.standing == "outdated"
        self.trace.refresh_trace(other=test != self._shown_test, root=self._model.status.root)
        self._shown_test = test

    def _why_no_trace(self) -> str:
        node, details = self._node, self._model.details
        if node is None and self._use is None:
            return ""
        if node is None or not node.is_test:
            return "select a test to see what it did"
        if details.running:
            return "running…"
        if node.outcome is None:
            return "not run yet"
        return "no spans were recorded" if details.known else "…"

    def _show_failure(self) -> None:
        if self._node is not None and not self._node.is_test:
            self.failure.show_group(self._node)
        else:
            above = [*self._databases(), *self._caveats()]
            self.failure.show_details(self._model.details, above, self._died_in())

    def _show_output(self) -> None:
        self.output.show_details(self._model.details, self._caveats())

    def _died_in(self) -> str:
        """Return the spans that were open when the worker died, outermost first."""
        return " → ".join(label(span) for span in self._model.trace.walk() if span.is_open)

    def _databases(self) -> list[list[Piece]]:
        """Return what the test has left in its databases."""
        test, found = self._model.kept
        return database.told(found, self._open_key) if test == self._model.details.test else []

    def _caveats(self) -> list[list[Piece]]:
        """Return what has to be known before a failure or an output is read."""
        node = self._node
        if node is None or not node.is_test:
            return []
        hunted = self._model.hunts.get(node.id)
        lines: list[list[Piece]] = [
            [(f"{sign} ", ink), (text, "dim")] for sign, ink, text in caveats(node, hunted)
        ]
        return [*lines, []] if lines else []

    def _show_source(self) -> None:
        node, details = self._node, self._model.details
        if self._use is not None:
            self.source.show_file(self._model.status.root, self._use.path, self._use.line or 1)
        elif node is None or node.kind == "folder":
            self.source.show_file("", "", 0)
        elif node.is_test:
            failed_here = details.line and details.path
            path, line = (details.path, details.line) if failed_here else (node.path, node.line)
            self.source.show_file(self._model.status.root, path, line)
        else:
            first = min((test.line for test in node.tests()), default=1)
            self.source.show_file(self._model.status.root, node.path, 1 if node.kind == "file" else first)

    def place(self) -> tuple[str, int]:
        """Return file (relative to the root) and line that the user looks at; no file when there is none."""
        return self._place_in_view() or self._place_of_selected()

    def _place_in_view(self) -> tuple[str, int] | None:
        """Return the stack frame or the span's call site that the cursor is at, if it is at one."""
        if self.failure.has_focus:
            return self.failure.place()
        if self.tabs.active == "trace" and self.trace.has_focus_within:
            return self.trace.place()
        return None

    def _place_of_selected(self) -> tuple[str, int]:
        node, details = self._node, self._model.details
        if self._use is not None:
            return self._use.path, self.source.cursor + 1 if self.source.has_focus else self._use.line
        if node is None or node.kind == "folder":
            return "", 0
        if self.source.has_focus:
            return (details.path if node.is_test and details.path else node.path), self.source.cursor + 1
        if node.is_test and details.path:
            return details.path, details.line
        return node.path, node.line or min((test.line for test in node.tests()), default=0)
