"""The Trace tab: a time axis and the waterfall, or a comparison with another run; the details of one span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from enctest.events import Against
from enctest_tui.difference import Baseline, summary
from enctest_tui.outcomes import OUTDATED
from enctest_tui.span_details import describe, describe_line
from enctest_tui.spans import Trace
from enctest_tui.text import duration
from enctest_tui.widgets.difference_view import HEAD, DifferenceView
from enctest_tui.widgets.headline import COLOURS
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.text_view import TextView
from enctest_tui.widgets.trace_view import TraceView

_NEXT: dict[Against | None, Against | None] = {None: "pass", "pass": "previous", "previous": None}
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


class Summary(Widget):
    """With what a trace is compared, and how much is different."""

    def __init__(self, view: DifferenceView, base: Baseline) -> None:
        super().__init__()
        self._view = view
        self._base = base

    def render(self) -> Content:
        """Say it in one line; above the durations, what they are."""
        pieces = summary(self._view.found.comparison, self._base)
        line = Content.assemble(" ", *((text, COLOURS.get(ink, COLOURS["dim"])) for text, ink in pieces))
        room = (self._view.scrollable_content_region.width or self.size.width) - line.cell_length - len(HEAD)
        if room < 1 or self._view.found.comparison is None:
            return line
        return Content.assemble(line, " " * room, (HEAD, "$foreground 40%"))


class SpanDetails(TextView):
    """Attributes, events and stack of the selected span."""


class TracePane(Vertical):
    """Waterfall or comparison, and details; Enter shows and hides the details."""

    @dataclass
    class BaseWanted(Message):
        """The trace of this run is to be compared with another one."""

        run: int
        against: Against

    def __init__(self, trace: Trace, base: Baseline, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._base = base
        self._asked_for = 0
        self.view = TraceView(trace, id="spans")
        self.axis = Axis(self.view)
        self.difference = DifferenceView(trace, base, id="differences")
        self.summary = Summary(self.difference, base)
        self.details = SpanDetails(id="span-details")

    def compose(self) -> ComposeResult:
        """Axis over waterfall, or the comparison; details below or beside."""
        with Vertical(id="waterfall"):
            yield self.axis
            yield self.view
            yield self.summary
            yield self.difference
        yield self.details

    @property
    def front(self) -> LineView:
        """The list that is shown."""
        return self.view if self._base.against is None else self.difference

    def refresh_trace(self, *, other: bool = False) -> None:
        """Show what has come; `other` begins anew."""
        if other:
            self.view.reset()
        else:
            self.view.refresh_trace()
        self.axis.refresh()
        if self._base.against is not None:
            self._refresh_difference(other=other)
        if self.has_class("-details"):
            self._describe()

    # --- comparing -----------------------------------------------------------------------------------

    @on(TraceView.Compared)
    @on(DifferenceView.Turned)
    def turn_comparison(self) -> None:
        """Compare with the last pass, then with the run before, then with nothing."""
        had_focus = self.front.has_focus
        self._base.against = _NEXT[self._base.against]
        self.set_class(self._base.against is not None, "-compare")
        if self._base.against is not None:
            self._refresh_difference(other=True)
        if had_focus:
            self.front.focus()
        if self.shows_details:
            self._describe()

    def point(self, spans: Sequence[int]) -> None:
        """Go to the first of these spans in the waterfall, and mark all of them."""
        if self._base.against is not None:
            self._base.against = "previous"
            self.turn_comparison()
        self.view.focus()
        self.view.point(spans)

    def go_back(self) -> bool:
        """Close the details, else the comparison, if the focus is here; say whether anything was closed."""
        if not (self.details.has_focus or self.front.has_focus):
            return False
        if self.shows_details:
            self.show_details(on_=False)
            self.front.focus()
        elif self._base.against is not None:
            self._base.against = "previous"
            self.turn_comparison()
        else:
            return False
        return True

    def _refresh_difference(self, *, other: bool) -> None:
        run = self.view.trace.run
        if other:
            self._base.forget()
            self._asked_for = 0
        if run and run != self._asked_for and self._base.against is not None:
            self._asked_for = run
            self.post_message(self.BaseWanted(run, self._base.against))
        if other:
            self.difference.reset()
        else:
            self.difference.refresh_rows()
        self.summary.refresh()

    @property
    def shows_details(self) -> bool:
        """Whether the details are open."""
        return self.has_class("-details")

    def show_details(self, on_: bool) -> None:
        """Open or close the details."""
        self.set_class(on_, "-details")
        if on_:
            self.call_after_refresh(self._describe)
            self.call_after_refresh(self.front.show_cursor)

    @on(LineView.Chosen, "#spans")
    @on(LineView.Chosen, "#differences")
    def _chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        self.show_details(not self.shows_details)

    @on(LineView.Moved, "#spans")
    @on(LineView.Moved, "#differences")
    def _moved(self, event: LineView.Moved) -> None:
        event.stop()
        self.axis.refresh()
        if self.shows_details:
            self._describe()

    def _describe(self) -> None:
        if self._base.against is not None:
            different = self.difference.row
            self.details.show(
                describe_line(different.line, self.view.trace, self._base.trace)
                if different is not None
                else []
            )
            return
        row = self.view.row
        self.details.show(describe(row, self.view.trace) if row is not None else [])

    def on_resize(self, event: events.Resize) -> None:
        """Put the details where there is room."""
        self.set_class(event.size.width >= _BESIDE, "-beside")
