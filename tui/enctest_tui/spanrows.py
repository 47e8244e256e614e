"""The visible rows of a trace: open spans, groups of equal siblings, and what happened within spans."""

from __future__ import annotations

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
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rows: list[Row] = []
        self.grouped = True
        self._unfolded: set[int] = set()
        self._built: tuple[int, int] = (-1, -1)

    def refresh(self, *, force: bool = False) -> bool:
        """Recompute the rows if the trace has grown; say whether it had."""
        built = (self.trace.structure, self.trace.stamp if self.grouped else 0)
        if built == self._built and not force:
            return False
        self._built = built
        self.rows = []
        self._show(self.trace.roots, 0)
        return True

    def _show(self, siblings: list[SpanNode], depth: int) -> None:
        at = 0
        while at < len(siblings):
            members = self._equal(siblings, at) if self.grouped else ()
            if members:
                is_open = members[0].id in self._unfolded
                self.rows.append(Row(members[0], depth, members=members, folds=True, is_open=is_open))
                for member in members if is_open else ():
                    self._show_one(member, depth + 1)
                at += len(members)
            else:
                self._show_one(siblings[at], depth)
                at += 1

    def _equal(self, siblings: list[SpanNode], at: int) -> tuple[SpanNode, ...]:
        first = siblings[at]
        end = at
        label = _sameness(first)
        while end < len(siblings) and _can_group(siblings[end]) and _sameness(siblings[end]) == label:
            end += 1
        return tuple(siblings[at:end]) if end - at >= GROUP_FROM else ()

    def _show_one(self, span: SpanNode, depth: int) -> None:
        notes = [note for note in span.events if note.name in _DETAIL_EVENTS]
        folds = bool(span.children or notes)
        self.rows.append(Row(span, depth, folds=folds, is_open=folds and span.expanded))
        if not span.expanded:
            return
        if not notes:
            self._show(span.children, depth + 1)
            return
        # What happened stands between the children where it happened.
        at = 0
        for note in notes:
            start = at
            while at < len(span.children) and span.children[at].start_ns <= note.at_ns:
                at += 1
            self._show(span.children[start:at], depth + 1)
            self.rows.append(Row(span, depth + 1, note=note))
        self._show(span.children[at:], depth + 1)

    def fold(self, row: Row, open_: bool) -> bool:
        """Open or close what is below a row; say whether that changed anything."""
        if not row.folds or row.is_open == open_:
            return False
        if row.members:
            (self._unfolded.add if open_ else self._unfolded.discard)(row.span.id)
        else:
            row.span.expanded = open_
        self.refresh(force=True)
        return True

    def fold_all(self, open_: bool) -> None:
        """Open everything, or close all but the first two levels."""
        for span in self.trace.walk():
            span.expanded = open_ or span.parent is None
        self._unfolded = {span.id for span in self.trace.walk()} if open_ else set()
        self.refresh(force=True)

    def reveal(self, span: SpanNode) -> int | None:
        """Open what hides a span; return its row."""
        above = span.parent
        while above is not None:
            above.expanded = True
            above = above.parent
        self.refresh(force=True)
        for index, row in enumerate(self.rows):
            if span in row.members and not row.is_open:
                self.fold(row, open_=True)
                return self.reveal(span)
            if row.span is span and row.note is None and not row.members:
                return index
        return None


def _can_group(span: SpanNode) -> bool:
    return not span.is_open and not span.is_error and not span.children and not span.events


def _sameness(span: SpanNode) -> tuple[str, str]:
    return span.kind, statement(span) or label(span)


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
