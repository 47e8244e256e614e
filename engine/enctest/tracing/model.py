"""A test's trace as a tree, folded from records or from stored spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from enctest.events import (
    Attributes,
    Span,
    SpanEnded,
    SpanEvent,
    SpanKind,
    SpanNote,
    SpanRecord,
    SpanStarted,
    SpanStatus,
)
from enctest.tracing import own_time

OPEN = "enctest.open"
"""Attribute of a span that was still open when its test ended or its process died."""
SHARED = "pytest.fixture.shared"
"""Attribute of a fixture: whether other tests use what it made."""
NAME = "enctest.name"
"""Attribute of an end that tells a name the span got after its start."""
CAUSE = "enctest.caused_by"
"""Attribute of a span beside the test, such as a shared start: the number of the span that needed it."""


class HasAttributes(Protocol):
    """A span of any kind."""

    attributes: Attributes


CONNECT = "enctest.db.connect"
"""Attribute of a span in which a connection to a database is opened."""


class Node:
    """A span in its tree; read it, leave changes to `Trace`.

    Attributes:
        children: Nodes below, in order of start.
        events: Log records, exceptions and other events, in order.
        end_ns: None while the span is open.
    """

    __slots__ = (
        "attributes",
        "children",
        "end_ns",
        "events",
        "kind",
        "name",
        "parent",
        "span",
        "start_ns",
        "status",
    )

    def __init__(self, span: int, name: str, kind: SpanKind, start_ns: int, attributes: Attributes) -> None:
        self.span = span
        self.name = name
        self.kind: SpanKind = kind
        self.start_ns = start_ns
        self.end_ns: int | None = None
        self.status: SpanStatus = "unset"
        self.attributes = attributes
        self.parent: Node | None = None
        self.children: list[Node] = []
        self.events: list[SpanNote] = []

    @property
    def is_open(self) -> bool:
        """Whether the span has not ended, or had not when its test did."""
        return self.end_ns is None or OPEN in self.attributes

    def duration_ns(self, now_ns: int | None = None) -> int:
        """Return how long the span took; an open one lasts until `now_ns` (default: its last known time).

        What was done beside the test meanwhile, such as a shared start, does not count.
        """
        return own_time.duration_ns(self, self._now(now_ns))

    def _now(self, now_ns: int | None) -> int:
        return now_ns if now_ns is not None else self.last_ns() if self.end_ns is None else self.end_ns

    def last_ns(self) -> int:
        """Return the latest time that is known of the span and all below it."""
        latest = self.end_ns or self.start_ns
        for node in walk(self):
            latest = max(latest, node.end_ns or node.start_ns, node.events[-1].at_ns if node.events else 0)
        return latest

    def self_ns(self, now_ns: int | None = None) -> int:
        """Return the time that no child covers, nor what is shared with others; children may overlap."""
        return own_time.own_ns(self, self._now(now_ns))

    def freeze(self) -> Span:
        """Return the span as a record to store or send."""
        return Span(
            span=self.span,
            parent=self.parent.span if self.parent is not None else None,
            name=self.name,
            kind=self.kind,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            status=self.status,
            attributes=self.attributes,
            events=tuple(self.events),
        )


class Trace:
    """One test's spans. Records may come twice, as when live ones follow stored ones."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self.nodes: dict[int, Node] = {}
        self.root: Node | None = None
        self._waiting: dict[int, list[Node]] = {}  # by the number of a parent that is not known yet
        for span in spans:
            self._add_stored(span)

    def __len__(self) -> int:
        return len(self.nodes)

    def apply(self, record: SpanRecord) -> Node | None:
        """Take in one record; return the node it changed, or None if nothing is known of its span."""
        if isinstance(record, SpanStarted):
            return self._start(record)
        node = self.nodes.get(record.span)
        if node is None:
            return None
        if isinstance(record, SpanEvent):
            _note(node, SpanNote(name=record.name, at_ns=record.at_ns, attributes=record.attributes))
        else:
            _end(node, record)
        return node

    def rows(self) -> Iterator[tuple[int, Node]]:
        """Yield depth and node of every span, depth first, siblings by start."""
        stack = [(0, node) for node in reversed(self.tops())]
        while stack:
            depth, node = stack.pop()
            yield depth, node
            stack.extend((depth + 1, child) for child in reversed(node.children))

    def open_nodes(self) -> list[Node]:
        """Return the spans that have not ended, in order of start."""
        return [node for node in self.nodes.values() if node.end_ns is None]

    def close(self, at_ns: int | None = None) -> None:
        """End what is open, marked as such, because the test is over or its process died.

        Args:
            at_ns: When (default: the latest time known of the trace).
        """
        if at_ns is None:
            at_ns = max((node.last_ns() for node in self.tops()), default=0)
        for node in self.open_nodes():
            node.end_ns = max(at_ns, node.start_ns)
            node.attributes = {**node.attributes, OPEN: True}

    def freeze(self) -> tuple[Span, ...]:
        """Return all spans as records, parents before children."""
        return tuple(node.freeze() for _, node in self.rows())

    def _start(self, record: SpanStarted) -> Node:
        node = self.nodes.get(record.span)
        if node is not None:
            node.attributes = {**record.attributes, **node.attributes}
            return node
        node = Node(record.span, record.name, record.kind, record.start_ns, record.attributes)
        self._insert(node, record.parent)
        return node

    def _add_stored(self, span: Span) -> None:
        if span.span in self.nodes:
            return
        node = Node(span.span, span.name, span.kind, span.start_ns, span.attributes)
        node.end_ns, node.status, node.events = span.end_ns, span.status, list(span.events)
        self._insert(node, span.parent)

    def _insert(self, node: Node, parent: int | None) -> None:
        self.nodes[node.span] = node
        for child in self._waiting.pop(node.span, ()):
            _adopt(node, child)
        if parent is None:
            self.root = self.root or node
        elif parent in self.nodes and not _is_above(node, self.nodes[parent]):
            _adopt(self.nodes[parent], node)
        else:
            self._waiting.setdefault(parent, []).append(node)

    def tops(self) -> list[Node]:
        """Return the root and whatever has no known parent, which hangs beside it."""
        return sorted((node for node in self.nodes.values() if node.parent is None), key=_start)


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and all below it, depth first."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(top.children))


def fold(records: Iterable[SpanRecord]) -> dict[str, Trace]:
    """Return the trace of each test that `records` tell of, by node id."""
    traces: dict[str, Trace] = {}
    for record in records:
        traces.setdefault(record.test, Trace()).apply(record)
    return traces


def is_beside(span: HasAttributes) -> bool:
    """Tell whether a topmost span is beside the test: it, and what is below it, was done for others too."""
    return CAUSE in span.attributes


def _start(node: Node) -> int:
    return node.start_ns


def _is_above(node: Node, other: Node | None) -> bool:
    while other is not None:
        if other is node:
            return True
        other = other.parent
    return False


def _adopt(parent: Node, child: Node) -> None:
    """Put `child` among its parent's children by start; nearly always it is the last."""
    child.parent = parent
    place = len(parent.children)
    while place and parent.children[place - 1].start_ns > child.start_ns:
        place -= 1
    parent.children.insert(place, child)


def _note(node: Node, note: SpanNote) -> None:
    """Add an event in order, unless it is known already."""
    place = len(node.events)
    while place and node.events[place - 1].at_ns > note.at_ns:
        place -= 1
    same = place
    while same and node.events[same - 1].at_ns == note.at_ns:
        same -= 1
        if node.events[same] == note:
            return
    node.events.insert(place, note)


def _end(node: Node, record: SpanEnded) -> None:
    attributes = {**node.attributes, **record.attributes}
    attributes.pop(OPEN, None)
    node.name = attributes.pop(NAME, node.name)
    node.attributes = attributes
    node.status = record.status
    node.end_ns = record.end_ns
