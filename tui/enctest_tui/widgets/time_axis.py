"""What stands above the waterfall: a picture of the whole trace, and the times of what is shown of it."""

from __future__ import annotations

import time

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from enctest_tui.bars import Axis
from enctest_tui.minimap import Minimap
from enctest_tui.outcomes import OUTDATED
from enctest_tui.text import duration, plural
from enctest_tui.widgets.headline import COLOURS
from enctest_tui.widgets.trace_view import TraceView
from enctest_tui.wording import label

_TALL = 30
"""Lines of the waterfall from which on its picture has two lines."""
_MANY, _PAUSE = 2000, 0.5
"""Spans from which on a growing trace is drawn anew only after so many seconds."""
_MIDDLE = 30
"""Cells of an axis from which on its middle has a number."""


class TimeAxis(Widget):
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
        return Content.assemble(self._head(width - bars - 1), scale(view.axis, view.trace.bounds()[0]))

    def _head(self, width: int) -> Content:
        view = self._view
        live = " ● live" if view.trace.is_live else ""
        follow = ", following" if live and view.tail else ""
        old = f" {OUTDATED} outdated, not run since" if self.is_old and not live else ""
        head = Content.assemble(
            (live, "$text-primary"),
            (follow, "$foreground 45%"),
            (old, COLOURS["outdated"]),
            (f" {view.said}" if view.said else "", "$foreground 70%"),
            (f" pinned: {label(view.pinned)}" if view.pinned is not None else "", "$text-warning"),
        ).truncate(max(0, width - 1), ellipsis=True)
        return Content.assemble(head, " " * max(0, width - head.cell_length))


def scale(axis: Axis, start_ns: int) -> str:
    """Return the numbers above an axis: times since the trace's beginning, as exact as it is short."""
    length = axis.length_ns / 1e6
    first, middle, last = (
        moment((axis.start_ns - start_ns) / 1e6 + share * length, length) for share in (0, 0.5, 1)
    )
    if len(first) + len(last) >= axis.cells:
        return last[: axis.cells].rjust(axis.cells)
    line = first.ljust(axis.cells)
    if axis.cells > _MIDDLE:
        line = line[: axis.cells // 2] + middle + line[axis.cells // 2 + len(middle) :]
    return line[: axis.cells - len(last)] + last


def moment(ms: float, length_ms: float) -> str:
    """Return a time since the beginning, with as many digits as tell both ends of a stretch apart."""
    if ms <= 0:
        return "0"
    if length_ms >= min(ms, 1000.0) / 10 and length_ms >= 1:
        return duration(ms)
    digits = next((digits for digits in range(4) if length_ms * 10**digits >= 100), 4)  # noqa: PLR2004 - steps
    return f"{ms:.{digits}f} ms"


class MinimapBar(Widget):
    """The whole trace in one or two lines; what is shown of it stands out. A click or drag shows a part.

    It takes room only where there is more than fits on the screen.
    """

    def __init__(self, view: TraceView) -> None:
        super().__init__()
        self._view = view
        self._map = Minimap(view.trace)
        self._from: int | None = None
        self._shown: object = None
        self._drawn_at = 0.0
        self.display = False

    def follow(self) -> None:
        """Appear or vanish as the trace and what is shown of it ask for, and draw again."""
        view = self._view
        room = view.size.height + (self.size.height if self.display else 0)
        wanted = view.zoom.chosen is not None or view.line_count > room > 0
        if wanted != self.display:
            self.display = wanted
        shown = view.trace.version, view.trace.run, view.bounds(), view.zoom.chosen
        now = time.monotonic()
        waits = view.trace.is_live and len(view.trace.spans) > _MANY and now - self._drawn_at < _PAUSE
        if shown != self._shown and not waits:
            self._shown, self._drawn_at = shown, now
            self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """Take a second line where there is much room."""
        return 2 if container.height >= _TALL else 1

    def _axis(self) -> Axis:
        """Return the axis of the whole time."""
        view = self._view
        _, bars = view.measure(view.scrollable_content_region.width or self.size.width)
        start, end = view.bounds()
        return Axis(start, end - start, max(1, bars))

    def render(self) -> Content:
        """Draw what there is, how much of it is shown, and the picture."""
        view = self._view
        if not view.trace.spans:
            return Content("")
        axis = self._axis()
        left = (view.scrollable_content_region.width or self.size.width) - axis.cells - 1
        first, last = (axis.column(at) for at in view.zoom.shown(view.bounds()))
        lines = []
        for number, cells in enumerate(self._map.lines(axis.cells, self.size.height or 1)):
            words = self._words() if number == 0 else ""
            line = [(words[: max(0, left - 1)].ljust(left), "$foreground 45%")]
            for at, (text, failed) in enumerate(cells):
                shown = first <= at <= last
                colour = "$text-error" if failed else "$text-secondary" if shown else "$foreground 30%"
                paper = " on $primary 25%" if shown and view.zoom.chosen is not None else ""
                line.append((text, f"{colour}{paper}"))
            lines.append(Content.assemble(*line))
        return Content("\n").join(lines)

    def _words(self) -> str:
        view = self._view
        start, end = view.trace.bounds()
        total = f" {plural(len(view.trace.spans), 'span')} in {duration((end - start) / 1e6)}"
        if view.zoom.chosen is None:
            return total
        first, last = view.zoom.chosen
        return f"{total}, {duration((last - first) / 1e6)} shown"

    # --- mouse ---------------------------------------------------------------------------------------

    def _column(self, event: events.MouseEvent, axis: Axis) -> int:
        left = (self._view.scrollable_content_region.width or self.size.width) - axis.cells - 1
        return min(max(0, event.x - left), axis.cells - 1)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin a drag."""
        self._from = self._column(event, self._axis())
        self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Show what was dragged over, or what was clicked at."""
        self.release_mouse()
        if self._from is None:
            return
        axis, view = self._axis(), self._view
        first, last = sorted((self._from, self._column(event, axis)))
        self._from = None
        if last > first:
            view.zoom.show(axis.moment(first), axis.moment(last), view.bounds())
        else:
            view.zoom.centre(axis.moment(first), view.bounds())
        view.refresh()
        view.post_message(view.Zoomed())
