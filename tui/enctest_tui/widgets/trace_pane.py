"""The Trace tab: a time axis, the waterfall, and the details of one span."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from enctest_tui.outcomes import OUTDATED
from enctest_tui.span_details import describe
from enctest_tui.spans import Trace
from enctest_tui.text import duration
from enctest_tui.widgets.headline import COLOURS
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.text_view import TextView
from enctest_tui.widgets.trace_view import TraceView

_BESIDE = 130
"""Columns from which on the details stand beside the waterfall."""


class Axis(Widget):
    """The times at both ends and in the middle of the waterfall; before them, how true it is.

    Attributes:
        is_old: A change has reached the test since; the trace is of other code.
    """

    def __init__(self, view: TraceView) -> None:
        super().__init__()
        self._view = view
        self.is_old = False

    def render(self) -> Content:
        """Draw the axis above the bars."""
        view = self._view
        if not view.trace.spans:
            return Content("")
        width = view.scrollable_content_region.width or self.size.width
        _, bars = view.measure(width)
        left = width - bars - 1
        end, middle = duration(view.axis.length_ns / 1e6), duration(view.axis.length_ns / 2e6)
        scale = "0".ljust(bars)
        if bars > 30:  # noqa: PLR2004 - cells for three numbers
            scale = scale[: bars // 2] + middle + scale[bars // 2 + len(middle) :]
        scale = scale[: max(0, bars - len(end))] + end
        live = " ● live" if view.trace.is_live else ""
        follow = ", following" if live and view.tail else ""
        old = f" {OUTDATED} outdated, not run since" if self.is_old and not live else ""
        head = Content.assemble(
            (live, "$text-primary"), (follow, "$foreground 45%"), (old, COLOURS["outdated"])
        )
        return Content.assemble(head, " " * max(0, left - len(head.plain)), scale)


class SpanDetails(TextView):
    """Attributes, events and stack of the selected span."""


class TracePane(Vertical):
    """Waterfall and details; Enter shows and hides the details."""

    def __init__(self, trace: Trace, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.view = TraceView(trace, id="spans")
        self.axis = Axis(self.view)
        self.details = SpanDetails(id="span-details")

    def compose(self) -> ComposeResult:
        """Axis over waterfall; details below or beside."""
        with Vertical(id="waterfall"):
            yield self.axis
            yield self.view
        yield self.details

    def refresh_trace(self, *, other: bool = False) -> None:
        """Show what has come; `other` begins anew."""
        if other:
            self.view.reset()
        else:
            self.view.refresh_trace()
        self.axis.refresh()
        if self.has_class("-details"):
            self._describe()

    @property
    def shows_details(self) -> bool:
        """Whether the details are open."""
        return self.has_class("-details")

    def show_details(self, on_: bool) -> None:
        """Open or close the details."""
        self.set_class(on_, "-details")
        if on_:
            self.call_after_refresh(self._describe)
            self.call_after_refresh(self.view.show_cursor)

    @on(LineView.Chosen, "#spans")
    def _chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        self.show_details(not self.shows_details)

    @on(LineView.Moved, "#spans")
    def _moved(self, event: LineView.Moved) -> None:
        event.stop()
        self.axis.refresh()
        if self.shows_details:
            self._describe()

    def _describe(self) -> None:
        row = self.view.row
        self.details.show(describe(row, self.view.trace) if row is not None else [])

    def on_resize(self, event: events.Resize) -> None:
        """Put the details where there is room."""
        self.set_class(event.size.width >= _BESIDE, "-beside")
