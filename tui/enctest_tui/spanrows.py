"""The visible rows of a trace: open spans, groups of equal siblings, and what happened within spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from enctest.events import SpanNote
from enctest.tracing.model import is_beside
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.text import one_line

GROUP_FROM = 5
"""Equal siblings in a row that are shown as one, until it is unfolded."""

_DETAIL_EVENTS = frozenset({"exception", "log"})


@dataclass(slots=True)
class Row:
    """One line of the waterfall.

    Attributes:
        span: The span it is about, or that it happened in, or the first of the group.
        depth: Levels of indentation.
        note: Set when the row is an event of `span`.
        members: Set when the row stands for several equal siblings.
        folds: Whether there is something below that can be folded.
        is_open: Whether that is shown.
    """

    span: SpanNode
    depth: int
    note: SpanNote | None = None
    members: tuple[SpanNode, ...] = ()
    folds: bool = False
    is_open: bool = False

    @property
    def key(self) -> tuple[int, str, int]:
        """What makes this the same row after new spans have come."""
        if self.note is not None:
            return self.span.id, "note", self.note.at_ns
        return self.span.id, "group" if self.members else "span", 0


class SpanRows:
    """Rows of one trace, recomputed when it has grown.

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

    def refresh(self, *, force: bool = False) -> bool:
        """Recompute the rows if the trace has grown; say whether it had."""
        built = (self.trace.structure, self.trace.stamp if self.grouped or self.kept is not None else 0)
        if built == self._built and not force:
            return False
        self._built = built
        self.rows = self._unfolded_rows(self._siblings(self.trace.roots, 0))
        return True

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
        self.refresh(force=True)

    # --- which rows ----------------------------------------------------------------------------------

    def _siblings(self, siblings: Sequence[SpanNode], depth: int) -> list[Row]:
        """Return a row for each span, or for each run of equal ones."""
        kept = self.kept
        if kept is not None:
            siblings = [span for span in siblings if span.id in kept]
        if not self.grouped or len(siblings) < GROUP_FROM:
            return [self._row(span, depth) for span in siblings]
        same = [_sameness(span) for span in siblings]
        rows: list[Row] = []
        at = 0
        while at < len(siblings):
            end = at + 1
            while end < len(same) and same[at] is not None and same[end] == same[at]:
                end += 1
            if end - at >= GROUP_FROM:
                members = tuple(siblings[at:end])
                is_open = members[0].id in self._unfolded
                rows.append(Row(members[0], depth, None, members, folds=True, is_open=is_open))
            else:
                rows += [self._row(span, depth) for span in siblings[at:end]]
            at = end
        return rows

    def _row(self, span: SpanNode, depth: int) -> Row:
        kept = self.kept
        folds = bool(span.children) and (kept is None or any(child.id in kept for child in span.children))
        if span.events and not folds:
            folds = bool(self._notes(span))
        return Row(span, depth, None, (), folds, folds and span.expanded)

    def _notes(self, span: SpanNode) -> list[SpanNote]:
        """Return the events that have rows of their own."""
        if self.kept is not None and span.id not in self._matching:
            return []
        return [note for note in span.events if note.name in _DETAIL_EVENTS]

    def _below(self, row: Row) -> list[Row]:
        """Return the rows right below an open one; what happened stands between the children where it did."""
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

    def _unfolded_rows(self, rows: list[Row]) -> list[Row]:
        """Return rows and all that is shown below them; no recursion, as traces may be deep."""
        found: list[Row] = []
        stack = rows[::-1]
        while stack:
            row = stack.pop()
            found.append(row)
            if row.is_open:
                stack += reversed(self._below(row))
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
        first = next(at for at, each in enumerate(self.rows) if each is row) + 1
        if open_:
            self.rows[first:first] = self._unfolded_rows(self._below(row))
        else:
            after = (at for at in range(first, len(self.rows)) if self.rows[at].depth <= row.depth)
            del self.rows[first : next(after, len(self.rows))]
        return True

    def fold_all(self, open_: bool) -> None:
        """Open everything, or close all but the first two levels."""
        for span in self.trace.walk():
            span.expanded = open_ or span.parent is None
        self._unfolded = {span.id for span in self.trace.walk()} if open_ else set()
        self.refresh(force=True)

    def fold_to(self, step: int) -> int:
        """Show one level more (1) or less (-1) than now, everywhere; return how many levels that is."""
        depths: dict[int, int] = {}
        for span in self.trace.walk():
            depths[span.id] = depths[span.parent.id] + 1 if span.parent is not None else 0
        deepest = max((depths[span.id] + bool(span.events) for span in self.trace.walk()), default=0)
        shown = max((depths[row.span.id] + (row.note is not None) for row in self.rows), default=0)
        level = min(max(shown + step, 0), deepest)
        for span in self.trace.walk():
            span.expanded = depths[span.id] < level
        self.refresh(force=True)
        return level + 1

    def reveal(self, span: SpanNode) -> int | None:
        """Open what hides a span; return its row."""
        above, hidden = span.parent, False
        while above is not None:
            hidden = hidden or not above.expanded
            above.expanded = True
            above = above.parent
        if hidden:
            self.refresh(force=True)
        for index, row in enumerate(self.rows):
            if row.members:
                if not row.is_open and span in row.members:
                    self.fold(row, open_=True)
                    return index + 1 + row.members.index(span)
            elif row.span is span and row.note is None:
                return index
        return None


def _sameness(span: SpanNode) -> tuple[str, str] | None:
    """Return what equal spans have in common; None for those that always stand alone."""
    if span.end_ns is None or span.children or span.events or span.status == "error":
        return None
    attributes = span.attributes
    text = attributes.get("db.query.text") or attributes.get("db.statement")
    return span.kind, str(text) if text else label(span)


def label(span: SpanNode) -> str:
    """Return what a span did: verb and table of a query, method and address of a request, else its name."""
    name = one_line(str(span.attribute("enctest.name")) or span.name)
    if is_beside(span):
        return f"{name} (not counted)"
    if span.kind == "db":
        return one_line(str(span.attribute("db.query.summary"))) or name
    if span.kind in {"client", "server"}:
        return _http(span) or name
    return name


def statement(span: SpanNode) -> str:
    """Return the text of a query in one line, if it is more than the label says."""
    text = one_line(str(span.attribute("db.query.text", "db.statement"))) if span.kind == "db" else ""
    return "" if text == label(span) else text


def _http(span: SpanNode) -> str:
    method = span.attribute("http.request.method", "http.method")
    where = span.attribute("url.full", "http.url", "http.route", "url.path", "http.target")
    code = span.attribute("http.response.status_code", "http.status_code")
    return one_line(f"{method} {str(where).partition('://')[2] or where} {code}") if method and where else ""
