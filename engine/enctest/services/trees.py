"""A test's own spans, to be asserted on."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from enctest.events import Attributes, Span, SpanNote
from enctest.services.errors import MisusedError
from enctest.tracing.model import NAME, Node, Trace, is_beside, walk
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan
from enctest.tracing.values import Cleaner, shorten

_WIDTH: Final = 100
_SHOWN: Final = (
    "db.query.text",
    "url.full",
    "http.response.status_code",
    "enctest.request",
    "enctest.mocked",
)


class Count(int):
    """How many spans there are; a failing comparison shows the tree.

    Attributes:
        spans: Those that were counted.
    """

    spans: Spans


class Errors(list[Node]):
    """Spans that ended with an error; a failing comparison shows the tree.

    Attributes:
        spans: Those among which they were looked for.
    """

    spans: Spans


class Spans:
    """Some of a test's spans, in order of start; each method narrows them down.

    A node has `name`, `kind`, `status`, `attributes`, `events`, `children` and `duration_ns()`.
    """

    def __init__(self, trace: Trace, nodes: Iterable[Node], description: str = "spans()") -> None:
        self._trace = trace
        self._nodes = list(nodes)
        self._description = description

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, place: int) -> Node:
        return self._nodes[place]

    def __repr__(self) -> str:
        return f"<{len(self)} of {self._description}>\n" + "\n".join(self.tree())

    # --- selectors ---

    def named(self, pattern: str) -> Spans:
        """Return those whose name, or query, matches a pattern: `SELECT*`; `*` and `?` as in file names."""
        return self._narrowed(
            f".named({pattern!r})",
            lambda node: any(
                fnmatch.fnmatchcase(str(text), pattern)
                for text in (node.name, node.attributes.get("db.query.text", node.name))
            ),
        )

    def kind(self, *kinds: str) -> Spans:
        """Return those of a kind: db, client, server, producer, consumer, internal, fixture or phase."""
        return self._narrowed(f".kind({', '.join(map(repr, kinds))})", lambda node: node.kind in kinds)

    def having(self, attribute: str, value: object = ...) -> Spans:
        """Return those with an attribute, or with this value of it."""
        shown = f"{attribute!r}" if value is ... else f"{attribute!r}, {value!r}"
        return self._narrowed(
            f".having({shown})",
            lambda node: (
                attribute in node.attributes if value is ... else node.attributes.get(attribute, ...) == value
            ),
        )

    def under(self, pattern: str) -> Spans:
        """Return those that are, at any depth, below a span whose name matches a pattern."""
        return self._narrowed(f".under({pattern!r})", lambda node: _is_under(node, pattern))

    # --- what to compare ---

    @property
    def count(self) -> Count:
        """How many there are."""
        count = Count(len(self))
        count.spans = self
        return count

    @property
    def names(self) -> list[str]:
        """Their names, in order of start."""
        return [node.name for node in self._nodes]

    @property
    def errors(self) -> Errors:
        """Those that ended with an error."""
        found = Errors(node for node in self._nodes if node.status == "error")
        found.spans = self
        return found

    def tree(self) -> list[str]:
        """Return the whole trace as lines; the spans of this selection are marked with a star."""
        chosen = {node.span for node in self._nodes}
        return [
            f"{'*' if node.span in chosen else ' '} {'  ' * depth}{_line(node)}"
            for depth, node in self._trace.rows()
        ]

    def _narrowed(self, description: str, test: Any) -> Spans:
        found = [node for node in self._nodes if test(node)]
        return Spans(self._trace, found, self._description + description)


def of_test(recorder: TraceRecorder) -> Spans:
    """Return all spans of the running test but pytest's own: the test, its phases, its fixtures.

    What is beside the test, the starts of services that are shared, is in the tree, but not among them: else
    it would depend on the order of tests what they find.

    Raises:
        MisusedError: Nothing is recorded.
    """
    kept = recorder.kept
    if kept is None:
        raise MisusedError(
            "spans() has nothing to show: this test's spans were not kept",
            "Import `enctest.et` at the top of the test file, or ask for the fixture `spans`.",
        )
    if not recorder.kept_whole:
        raise MisusedError(
            "spans() does not know what this test did at first: `enctest.et` was imported in its middle",
            "Import `enctest.et` at the top of the test file, or ask for the fixture `spans`.",
        )
    trace = _trace(list(kept))
    beside = {node.span for top in trace.tops() if is_beside(top) for node in walk(top)}
    nodes = sorted((n for n in trace.nodes.values() if n.span not in beside), key=lambda node: node.span)
    return Spans(trace, (node for node in nodes if node.kind not in {"test", "phase", "fixture"}))


def explanation(left: object, operator: str, right: object) -> list[str] | None:
    """Return two lines on a failed comparison, and those of the tree; None if no spans were compared."""
    for side in (left, right):
        if isinstance(side, Count | Errors):
            shown = [str(int(x)) if isinstance(x, Count) else repr(x) for x in (left, right)]
            if isinstance(side, Errors):
                shown = [f"{len(side)} errors" if x is side else repr(x) for x in (left, right)]
            spans = side.spans
            return [f"{shown[0]} {operator} {shown[1]}", f"of {spans._description}", *spans.tree()]  # noqa: SLF001 - ours
    return None


def _trace(kept: list[Any]) -> Trace:
    cleaner = Cleaner(sys.maxsize)
    notes: dict[int, list[SpanNote]] = {}
    for item in kept:
        if isinstance(item, tuple):
            span, name, at_ns, attributes = item
            note = SpanNote(name=name, at_ns=at_ns, attributes=cleaner.clean(attributes))
            notes.setdefault(span.number, []).append(note)
    return Trace(
        _frozen(span, cleaner, tuple(notes.get(span.number, ())))
        for span in kept
        if isinstance(span, OpenSpan)
    )


def _frozen(span: OpenSpan, cleaner: Cleaner, notes: tuple[SpanNote, ...]) -> Span:
    if span.refresh is not None:
        span.refresh(span)
    attributes: Attributes = cleaner.clean({**span.attributes, **span.more})
    name = str(attributes.pop(NAME, span.name))
    return Span(
        span=span.number,
        parent=span.parent,
        name=name,
        kind=span.kind,
        start_ns=span.start_ns,
        end_ns=span.end_ns or None,
        status=span.status,
        attributes=attributes,
        events=notes,
    )


def _is_under(node: Node, pattern: str) -> bool:
    above = node.parent
    while above is not None:
        if fnmatch.fnmatchcase(above.name, pattern):
            return True
        above = above.parent
    return False


def _line(node: Node) -> str:
    details = [" ".join(str(node.attributes[key]).split()) for key in _SHOWN if key in node.attributes]
    state = {"error": " ERROR"}.get(node.status, "") + " not counted" * is_beside(node)
    time = "open" if node.end_ns is None else f"{node.duration_ns() / 1e6:.1f} ms"
    return shorten(" ".join([f"{node.name} [{node.kind}] {time}{state}", *details]), _WIDTH)
