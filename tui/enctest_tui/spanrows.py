"""The visible rows of a trace: open spans, groups of equal siblings, and what happened within spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from enctest.events import SpanNote
from enctest_tui.sameness import ALONE, Shapes, said
from enctest_tui.spans import SpanNode, Trace

GROUP_FROM = 5
"""Equal siblings in a row that are shown as one, until it is unfolded."""

_DETAIL_EVENTS = frozenset({"exception", "log"})


@dataclass(slots=True, eq=False)
class Row:
    """One line of the waterfall; the same object as long as it stands for the same.

    Attributes:
        span: The span it is about, or that it happened in, or the first of the group.
        depth: Levels of indentation.
        note: Set when the row is an event of `span`.
        members: Set when the row stands for several equal siblings.
        folds: Whether there is something below that can be folded.
        is_open: Whether that is shown.
        below: The rows right below, as they were listed last.
        is_flat: Whether none of those folds.
        listed: What they were listed from; they are listed anew when that has changed.
    """

    span: SpanNode
    depth: int
    note: SpanNote | None = None
    members: tuple[SpanNode, ...] = ()
    folds: bool = False
    is_open: bool = False
    below: Sequence[Row] = field(default=(), repr=False)
    is_flat: bool = True
    listed: tuple[int, int] = (-1, -1)

    @property
    def key(self) -> tuple[int, str, int]:
        """What makes this the same row after new spans have come."""
        if self.note is not None:
            return self.span.id, "note", self.note.at_ns
        return self.span.id, "group" if self.members else "span", 0


class SpanRows:
    """Rows of one trace, recomputed when it has grown.

    What stands below a span is listed once and kept until it changes: to fold is to put lists together.

    Attributes:
        rows: Top to bottom.
        grouped: Whether equal siblings are shown as one.
        kept: Ids of the spans that a filter leaves, with all above them; None without a filter.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rows: list[Row] = []
        self.grouped = True
        self.kept: set[int] | None = None
        self._matching: set[int] = set()
        self._unfolded: set[int] = set()
        self._built: tuple[int, int] = (-1, -1)
        self._round = 0  # another one: all lists are old
        self._spans = trace.spans
        self._row_of: dict[int, Row] = {}
        self._group_of: dict[int, Row] = {}
        self._shapes = Shapes()

    def refresh(self, *, force: bool = False) -> bool:
        """Recompute the rows if the trace has grown; say whether it had."""
        built = (self.trace.structure, self.trace.stamp if self.grouped or self.kept is not None else 0)
        if built == self._built and not force:
            return False
        self._built = built
        if self._spans is not self.trace.spans:
            self._spans = self.trace.spans
            self._row_of.clear()
            self._group_of.clear()
            self._shapes.clear()
        self.rows = self._unfolded_rows(self._siblings(self.trace.roots, 0))
        return True

    def group(self, *, on_: bool) -> None:
        """Show equal siblings as one, or each alone."""
        self.grouped = on_
        self._list_anew()

    def show_only(self, matching: Iterable[SpanNode] | None, *, unfold: bool = True) -> None:
        """Leave only these spans and what is above them, as a rule unfolded; None shows everything again."""
        self.kept = None
        if matching is not None:
            self.kept, self._matching = set(), set()
            for span in matching:
                self._matching.add(span.id)
                each: SpanNode | None = span
                while each is not None and each.id not in self.kept:
                    self.kept.add(each.id)
                    each = each.parent
                    if each is not None and unfold:
                        each.expanded = True
        self._list_anew()

    def _list_anew(self) -> None:
        self._round += 1
        self.refresh(force=True)

    # --- which rows ----------------------------------------------------------------------------------

    def _siblings(self, siblings: Sequence[SpanNode], depth: int) -> list[Row]:
        """Return a row for each span, or for each run of equal ones."""
        kept = self.kept
        if kept is not None:
            siblings = [span for span in siblings if span.id in kept]
        groups = self._group_of
        if groups:
            for span in siblings:
                groups.pop(span.id, None)
        if not self.grouped or len(siblings) < GROUP_FROM:
            return [self._row(span, depth) for span in siblings]
        rows: list[Row] = []
        for members in self._runs(siblings):
            if len(members) >= GROUP_FROM:
                row = Row(members[0], depth, None, tuple(members), folds=True)
                groups.update(dict.fromkeys((span.id for span in members), row))
                rows.append(row)
            else:
                rows += [self._row(span, depth) for span in members]
        return rows

    def _runs(self, siblings: Sequence[SpanNode]) -> Iterator[Sequence[SpanNode]]:
        """Yield siblings in order: together if they are equal in all that is below them, else alone."""
        names = [said(span) for span in siblings]
        at, count = 0, len(siblings)
        while at < count:
            end = at + 1
            while end < count and names[end] == names[at]:
                end += 1
            if end - at >= GROUP_FROM:
                yield from self._equal(siblings[at:end])
            else:
                yield from ((span,) for span in siblings[at:end])
            at = end

    def _equal(self, spans: Sequence[SpanNode]) -> Iterator[Sequence[SpanNode]]:
        """Cut spans that do the same where what is below them is not the same."""
        shapes = [self._shape(span) for span in spans]
        at, count = 0, len(spans)
        while at < count:
            end = at + 1
            while end < count and shapes[end] == shapes[at] != ALONE:
                end += 1
            yield spans[at:end]
            at = end

    def _shape(self, span: SpanNode) -> int:
        if self.kept is not None and span.children:
            return ALONE  # a filter leaves what is below some, and hides none of it
        return self._shapes.of(span)

    def _row(self, span: SpanNode, depth: int) -> Row:
        row = self._row_of.get(span.id)
        if row is None or row.depth != depth:
            row = self._row_of[span.id] = Row(span, depth)
        kept = self.kept
        folds = bool(span.children) and (kept is None or any(child.id in kept for child in span.children))
        if span.events and not folds:
            folds = bool(self._notes(span))
        row.folds = folds
        row.is_open = folds and span.expanded
        return row

    def _notes(self, span: SpanNode) -> list[SpanNote]:
        """Return the events that have rows of their own."""
        if self.kept is not None and span.id not in self._matching:
            return []
        return [note for note in span.events if note.name in _DETAIL_EVENTS]

    def _below(self, row: Row) -> Sequence[Row]:
        """Return the rows right below one."""
        listed = self._round, row.span.stamp
        if row.listed != listed:
            row.listed = listed
            row.below = self._list_below(row)
            row.is_flat = not any(each.folds for each in row.below)
        return row.below

    def _list_below(self, row: Row) -> list[Row]:
        """List the rows right below one; what happened stands between the children where it did."""
        span, depth = row.span, row.depth + 1
        if row.members:
            return [self._row(member, depth) for member in row.members]
        if not span.events:
            return self._siblings(span.children, depth)
        rows: list[Row] = []
        at = 0
        for note in self._notes(span):
            start = at
            while at < len(span.children) and span.children[at].start_ns <= note.at_ns:
                at += 1
            rows += self._siblings(span.children[start:at], depth)
            rows.append(Row(span, depth, note))
        return rows + self._siblings(span.children[at:], depth)

    def _unfolded_rows(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows and all that is shown below them; no recursion, as traces may be deep."""
        found: list[Row] = []
        unfolded = self._unfolded
        stack = list(reversed(rows))
        while stack:
            row = stack.pop()
            found.append(row)
            if row.folds:
                row.is_open = row.span.id in unfolded if row.members else row.span.expanded
                if row.is_open:
                    below = self._below(row)
                    if row.is_flat:
                        found += below
                    else:
                        stack += reversed(below)
        return found

    # --- folding -------------------------------------------------------------------------------------

    def fold(self, row: Row, open_: bool) -> bool:
        """Open or close what is below a row; say whether that changed anything."""
        if not row.folds or row.is_open == open_:
            return False
        if row.members:
            (self._unfolded.add if open_ else self._unfolded.discard)(row.span.id)
        else:
            row.span.expanded = open_
        row.is_open = open_
        first = self.rows.index(row) + 1
        if open_:
            self.rows[first:first] = self._unfolded_rows(self._below(row))
        else:
            after = (at for at in range(first, len(self.rows)) if self.rows[at].depth <= row.depth)
            del self.rows[first : next(after, len(self.rows))]
        return True

    def fold_all(self, open_: bool) -> None:
        """Open everything, or close all but the first two levels."""
        for span in self.trace.spans.values():
            span.expanded = open_ or span.parent is None
        self._unfolded = set(self.trace.spans) if open_ else set()
        self.refresh(force=True)

    def fold_to(self, step: int) -> int:
        """Show one level more (1) or less (-1) than now, everywhere; return how many levels that is."""
        levels = list(self._levels())
        depths = {span.id: depth for depth, spans in enumerate(levels) for span in spans}
        last = levels[-1] if levels else ()
        deepest = max(0, len(levels) - 1) + any(span.events for span in last)
        shown = max((depths[row.span.id] + (row.note is not None) for row in self.rows), default=0)
        level = min(max(shown + step, 0), deepest)
        for depth, spans in enumerate(levels):
            is_open = depth < level
            for span in spans:
                span.expanded = is_open
        self.refresh(force=True)
        return level + 1

    def _levels(self) -> Iterator[Sequence[SpanNode]]:
        """Yield the spans of each level, from the top."""
        spans: Sequence[SpanNode] = self.trace.roots
        while spans:
            yield spans
            spans = [child for span in spans for child in span.children]

    def reveal(self, span: SpanNode) -> int | None:
        """Open what hides a span; return its row."""
        path, hidden = [span], False
        while (above := path[-1].parent) is not None:
            hidden = hidden or not above.expanded
            above.expanded = True
            path.append(above)
        for each in reversed(path):
            group = self._group_of.get(each.id)
            if group is not None:
                hidden = hidden or group.span.id not in self._unfolded
                self._unfolded.add(group.span.id)
                self._below(group)
            row = self._row_of.get(each.id)
            if row is not None and each is not span:
                self._below(row)
        if hidden:
            self.refresh(force=True)
        wanted = self._row_of.get(span.id)
        return next((at for at, row in enumerate(self.rows) if row is wanted), None)
