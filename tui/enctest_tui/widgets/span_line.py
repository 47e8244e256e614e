"""How one row of the waterfall is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from enctest_tui.bars import Axis, Interval
from enctest_tui.selftime import OwnTime, union
from enctest_tui.span_details import describe_note
from enctest_tui.spanrows import Row
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.text import duration, fit
from enctest_tui.wording import label, statement

TAGS = {
    "fixture": ("fixture ", "fixture"), "db": ("sql ", "db"), "client": ("http ", "http"),
    "server": ("serve ", "http"), "producer": ("send ", "http"), "consumer": ("receive ", "http"),
}  # fmt: skip
BARS = {
    "test": "bar-phase", "phase": "bar-phase", "fixture": "bar-fixture", "db": "bar-db", "client": "bar-http",
    "server": "bar-http", "producer": "bar-http", "consumer": "bar-http",
}  # fmt: skip
TIME = 9
"""Cells of a duration."""
_MANY = 50
"""Parts of a bar from which on they are remembered."""
Parts = tuple[int, list[tuple[str, bool]]]
"""First column of a bar, and its parts: text, and whether something else covers them."""
_STATEMENT = 10
"""Cells from which on a query's text stands behind its summary."""


class SpanPainter:
    """Draws rows: fold arrow, kind, name, duration, bar.

    A bar is thick where the time is the span's own, thin where its children cover it.

    Args:
        trace: Whose rows.
        own: Their own time.
        ink: Gives the style of an ink.
        matches: Says whether a span is looked for.
    """

    def __init__(
        self,
        trace: Trace,
        own: OwnTime,
        ink: Callable[[str], Style],
        matches: Callable[[SpanNode], bool],
    ) -> None:
        self._trace = trace
        self._own = own
        self._ink = ink
        self._matches = matches
        self._parts: dict[tuple[int, bool], tuple[object, Parts]] = {}
        self._sums: dict[int, tuple[object, tuple[float, bool]]] = {}

    def draw(self, row: Row, name_width: int, axis: Axis) -> list[Segment]:
        """Return the row: `name_width` cells, the duration, a space, and the axis."""
        left = self._left(row)
        room = max(1, name_width - sum(segment.cell_length for segment in left))
        text, ink = self._label(row)
        text = fit(text, room)
        pieces = [*left, Segment(text, self._ink(ink))]
        room -= cell_len(text)
        more = statement(row.span) if row.note is None else ""
        if more and room > _STATEMENT:
            more = fit(f"  {more}", room)
            pieces.append(Segment(more, self._ink("faint")))
            room -= cell_len(more)
        return [*pieces, Segment(" " * max(0, room)), self._time(row), *self._bar(row, axis)]

    def _left(self, row: Row) -> list[Segment]:
        arrow = ("▾ " if row.is_open else "▸ ") if row.folds else "  "
        left = [Segment(" " + "  " * row.depth), Segment(arrow, self._ink("faint"))]
        if row.note is not None:
            return left
        if row.span.is_error:
            left.append(Segment("✗ ", self._ink("bad-strong")))
        elif row.span.is_open:
            live = self._trace.is_live
            left.append(Segment("◌ " if live else "† ", self._ink("accent" if live else "warn")))
        if row.members:
            left.append(Segment(f"{len(row.members)}x ", self._ink("warn")))
        tag, ink = TAGS.get(row.span.kind, ("", "plain"))
        if tag:
            left.append(Segment(tag, self._ink(ink)))
        return left

    def _label(self, row: Row) -> tuple[str, str]:
        if row.note is not None:
            text, ink = describe_note(row.note)
            return ("✗ " if row.note.name == "exception" else "· ") + text, ink
        span = row.span
        text = label(span)
        if span.kind == "test":
            text = text.rpartition("::")[2] or text
        if self._matches(span):
            return text, "match"
        if span.is_error:
            return text, "bad"
        return text, "strong" if span.kind in {"test", "phase"} else "plain"

    # --- time ----------------------------------------------------------------------------------------

    def _time(self, row: Row) -> Segment:
        if row.note is not None:
            return Segment(" " * (TIME + 1))
        span = row.span
        ms, slow = (
            self._sum(row) if row.members else (span.duration_ms(self._trace.now_ns), self._own.is_slow(span))
        )
        ink = "accent" if span.is_open and self._trace.is_live else "warn" if slow else "dim"
        return Segment(f"{duration(ms):>{TIME}} ", self._ink(ink))

    def _sum(self, row: Row) -> tuple[float, bool]:
        """Return how long a group took in all, and whether one of it stands out; all of them have ended."""
        state = self._trace.version, row.members
        known = self._sums.get(row.span.id)
        if known is not None and known[0] == state:
            return known[1]
        found = sum(member.duration_ms(0) for member in row.members), any(map(self._own.is_slow, row.members))
        self._sums[row.span.id] = state, found
        return found

    def _bar(self, row: Row, axis: Axis) -> list[Segment]:
        span, cells = row.span, axis.cells
        now = self._trace.now_ns
        start, end = span.start_ns, span.end_ns if span.end_ns is not None else now
        if row.note is not None:
            start = end = row.note.at_ns
        elif row.members:
            end = max(member.end_ns or now for member in row.members)
        side = axis.side(start, end)
        if side:
            hint = self._ink("faint")
            return [Segment("◂" + " " * (cells - 1) if side < 0 else " " * (cells - 1) + "▸", hint)]
        if row.note is not None:
            ink = "bad" if row.note.name == "exception" else "faint"
            return self._placed(axis.column(start), [Segment("•", self._ink(ink))], cells)
        if row.members:
            first, parts = self._of_members(row, axis, start, end)
            ink = BARS.get(span.kind, "bar")
            bar = [Segment(text, self._ink("rail" if idle else ink)) for text, idle in parts]
            return self._placed(first, bar, cells)
        covered = self._own.covered(span) if span.children else ()
        if len(covered) < _MANY:
            first, parts = axis.parts(start, end, covered)
        else:
            state = axis, start, end, id(covered), len(covered)
            first, parts = self._once((span.id, False), state, lambda: axis.parts(start, end, covered))
        return self._placed(first, self._dotted(row, axis, first, parts), cells)

    def _of_members(self, row: Row, axis: Axis, start: int, end: int) -> Parts:
        """Return the bar of a group: thin where none of them was at work."""
        members = row.members
        return self._once(
            (row.span.id, True),
            (axis, members),
            lambda: axis.parts(start, end, gaps(union(members, end, start, end), start, end)),
        )

    def _once(self, key: tuple[int, bool], state: object, find: Callable[[], Parts]) -> Parts:
        """Return the parts of a bar of many; found anew when something else is shown of it."""
        known = self._parts.get(key)
        if known is None or known[0] != state:
            known = self._parts[key] = state, find()
        return known[1]

    def _placed(self, first: int, bar: list[Segment], cells: int) -> list[Segment]:
        after = cells - first - sum(segment.cell_length for segment in bar)
        return [Segment(" " * first), *bar, Segment(" " * max(0, after))]

    def _dotted(self, row: Row, axis: Axis, first: int, parts: Sequence[tuple[str, bool]]) -> list[Segment]:
        """Return a bar with dots where something happened."""
        span = row.span
        ink, quiet = self._bar_inks(span)
        if not span.events or row.is_open:
            return [Segment(text, self._ink(quiet if covered else ink)) for text, covered in parts]
        dots = {
            axis.column(note.at_ns) - first for note in span.events if not axis.side(note.at_ns, note.at_ns)
        }
        cells = [(block, covered) for text, covered in parts for block in text]
        return [
            Segment("•", self._ink("warn"))
            if at in dots
            else Segment(block, self._ink(quiet if covered else ink))
            for at, (block, covered) in enumerate(cells)
        ]

    def _bar_inks(self, span: SpanNode) -> tuple[str, str]:
        """Return the ink of a span's own time, and of what its children cover."""
        if span.is_error:
            return "bar-bad", "bar-bad-outer"
        if span.is_open and self._trace.is_live:
            return "bar-open", "bar-open-outer"
        if span.is_open:
            return "bar-lost", "bar-lost"
        return BARS.get(span.kind, "bar"), "bar-phase"


def gaps(intervals: Sequence[Interval], start_ns: int, end_ns: int) -> list[Interval]:
    """Return what intervals (in order, without overlaps) leave of the time between both ends."""
    found, reached = [], start_ns
    for start, end in intervals:
        if start > reached:
            found.append((reached, start))
        reached = end
    if reached < end_ns:
        found.append((reached, end_ns))
    return found
