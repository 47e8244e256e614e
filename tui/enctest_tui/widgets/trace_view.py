"""The waterfall of spans: what the test did, when, and for how long; it grows while the test runs."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.message import Message

from enctest_tui.bars import Axis, Interval, round_up
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.widgets.span_finding import SpanFinding
from enctest_tui.widgets.span_line import TIME, SpanPainter
from enctest_tui.zoom import Zoom

_WIDE = 90
"""Columns from which on the bars have two fifths of them."""
_IN, _A_LITTLE, _STEP = 2.0, 1.25, 0.25
"""How much a key and the wheel magnify, and by which share of what is shown a key pans."""


class TraceView(SpanFinding):
    """One line per span: fold arrow, kind, name, duration, bar on a time axis that can be zoomed."""

    class Compared(Message):
        """The trace is to be compared with another run's."""

    class Zoomed(Message):
        """Another part of the time is shown."""

    def __init__(self, trace: Trace, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(trace, id=id)
        self.axis = Axis(0, 1, 1)
        self.zoom = Zoom()
        self._run = 0
        self._painter = SpanPainter(trace, self.own, self.ink, self.finder.matches)

    def labels(self) -> dict[str, str]:
        """Return what keys do here; those that can do nothing now are left out."""
        labels = {"filter": "Find", "compare-other": ""}  # told where it is looked for: in a comparison
        if self.zoom.chosen is None:
            labels["trace-zoom-reset"] = ""
        if self.finder.query is not None:
            labels["next-failure"] = "Next match"
        if self.row is None or self.row.span.kind != "db":
            labels["trace-explain"] = ""
        return labels

    def reset(self) -> None:
        """Show another test's trace, all of its time."""
        self.zoom.reset()
        super().reset()

    def refresh_trace(self) -> None:
        """Show what has come; another run is another stretch of time."""
        if self._run != self.trace.run:
            self._run = self.trace.run
            self.zoom.reset()
        super().refresh_trace()

    def action_compare(self) -> None:
        """Compare with the last pass."""
        self.post_message(self.Compared())

    # --- time ----------------------------------------------------------------------------------------

    def bounds(self) -> Interval:
        """Return the time that there is to show; while the trace grows, a bit more than has passed."""
        start, end = self.trace.bounds()
        return start, start + round_up(end - start) if self.trace.is_live else end

    def measure(self, width: int) -> tuple[int, int]:
        """Return the cells of the name column and of the bars, and set the time axis."""
        bars = width * 2 // 5 if width >= _WIDE else width // 3
        start, end = self.zoom.shown(self.bounds())
        self.axis = Axis(start, end - start, max(1, bars))
        return width - bars - TIME - 2, bars

    def go_to_span(self, span: SpanNode) -> None:
        """Put the cursor on a span and bring it into the shown time."""
        super().go_to_span(span)
        end = span.end_ns if span.end_ns is not None else self.trace.now_ns
        self.zoom.reveal(span.start_ns, end, self.bounds())
        self._zoomed()

    def selected_time(self) -> Interval:
        """Return when the row under the cursor begins and ends."""
        row = self.row
        if row is None:
            return self.bounds()
        if row.note is not None:
            return row.note.at_ns, row.note.at_ns
        now = self.trace.now_ns
        ends = (each.end_ns if each.end_ns is not None else now for each in row.members or (row.span,))
        return row.span.start_ns, max(ends)

    def action_trace_zoom_fit(self) -> None:
        """Let the selected span fill the axis, or go back to what was shown before."""
        self.zoom.fit(*self.selected_time(), self.bounds())
        self._zoomed()

    def action_trace_zoom(self, step: int) -> None:
        """Show half (1) or twice (-1) as much time, around the selected span."""
        start, end = self.selected_time()
        first, last = self.zoom.shown(self.bounds())
        around = (max(start, first) + min(end, last)) // 2
        self.magnify(_IN**step, around)

    def action_trace_zoom_reset(self) -> None:
        """Show all of the time."""
        self.zoom.reset()
        self._zoomed()

    def action_trace_pan(self, step: int) -> None:
        """Show the time before (-1) or after (1)."""
        self.zoom.pan(_STEP * step, self.bounds())
        self._zoomed()

    def magnify(self, factor: float, around_ns: int) -> None:
        """Show less (`factor` over 1) or more time; one moment stays where it is."""
        self.zoom.magnify(factor, around_ns, self.bounds())
        self._zoomed()

    def _zoomed(self) -> None:
        self.refresh()
        self.post_message(self.Zoomed())

    # --- mouse ---------------------------------------------------------------------------------------

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        if not self._wheeled(event, -1):
            super()._on_mouse_scroll_down(event)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        if not self._wheeled(event, 1):
            super()._on_mouse_scroll_up(event)

    def _wheeled(self, event: events.MouseEvent, step: int) -> bool:
        """Zoom with Ctrl and pan with Shift; say whether one of them was held."""
        if event.ctrl:
            column = event.x - (self.scrollable_content_region.width - self.axis.cells)
            self.magnify(_A_LITTLE**step, self.axis.moment(min(max(0, column), self.axis.cells - 1)))
        elif event.shift:
            self.action_trace_pan(-step)
        else:
            return False
        event.stop()
        return True

    # --- drawing -------------------------------------------------------------------------------------

    def steady(self) -> object:
        """Lines stay as they are as long as nothing grows, is zoomed or looked for."""
        trace = self.trace
        if trace.is_live:
            return None
        self.measure(self.scrollable_content_region.width or self.size.width)
        return trace.run, trace.version, self.axis, self.finder.query

    def identity(self, index: int) -> object:
        """A row, and what its arrow says."""
        row = self.rows.rows[index]
        return row, row.folds, row.is_open

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one row."""
        name_width, _ = self.measure(width)
        return self._painter.draw(self.rows.rows[index], name_width, self.axis)
