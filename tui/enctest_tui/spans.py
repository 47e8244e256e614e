"""The span tree of one test, folded from a stored trace and live span events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

from enctest.events import Attributes, Span, SpanEnded, SpanEvent, SpanKind, SpanNote, SpanStarted, SpanStatus
from enctest.tracing import own_time
from enctest.tracing.model import OPEN

ROOT = 1
"""Id of a test's root span."""


class SpanNode:
    """A span and its children in the order they started; `end_ns` None means that it is open.

    `stamp` grows when it, or what can be seen of those below it, has changed.
    """

    __slots__ = (
        "attributes", "children", "end_ns", "events", "expanded", "id", "kind", "name", "parent", "stamp",
        "start_ns", "status",
    )  # fmt: skip

    def __init__(self, id: int, name: str, kind: SpanKind, start_ns: int) -> None:  # noqa: A002 - OpenTelemetry's word
        self.id = id
        self.name = name
        self.kind = kind
        self.start_ns = start_ns
        self.end_ns: int | None = None
        self.status: SpanStatus = "unset"
        self.attributes: Attributes = {}
        self.events: list[SpanNote] = []
        self.parent: SpanNode | None = None
        self.children: list[SpanNode] = []
        self.expanded = True
        self.stamp = 0

    @property
    def is_open(self) -> bool:
        """Whether the span has not ended."""
        return self.end_ns is None

    @property
    def is_error(self) -> bool:
        """Whether the span says that it failed."""
        return self.status == "error"

    def duration_ms(self, now_ns: int) -> float:
        """Return how long it took, or has taken so far (milliseconds), without what was beside the test."""
        return own_time.duration_ns(self, now_ns) / 1e6

    def attribute(self, *names: str) -> Any:
        """Return the first of these attributes that is set, else an empty string."""
        return next((self.attributes[name] for name in names if name in self.attributes), "")


class Trace:
    """The spans of one run of one test.

    Attributes:
        run: The run they belong to; events of another are left out.
        spans: Span id to span.
        roots: Spans without a known parent, in order of arrival.
        structure: Grows when spans or events have come.
        frozen_ns: When the run ended with spans still open; those stay as they were.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.run = 0
        self.spans: dict[int, SpanNode] = {}
        self.roots: list[SpanNode] = []
        self.structure = 0
        self.stamp = 0
        self.open = 0
        self.frozen_ns: int | None = None
        self._clock = clock
        self._latest_ns = 0

    def clear(self, run: int = 0) -> None:
        """Forget all spans; take those of `run` from now on."""
        self.run = run
        self.spans = {}
        self.roots = []
        self.open = 0
        self.frozen_ns = None
        self._latest_ns = 0
        self.structure += 1

    def load(self, run: int, spans: Iterable[Span], *, live: bool) -> None:
        """Take a stored trace, in any order; when not `live`, open spans never end."""
        self.clear(run)
        stored = sorted(spans, key=attrgetter("start_ns", "span"))
        known = self.spans
        latest = 0
        for span in stored:
            node = SpanNode(span.span, span.name, span.kind, span.start_ns)
            node.status, node.attributes = span.status, span.attributes
            if OPEN not in node.attributes:  # else its process died in it
                node.end_ns = span.end_ns
            known.setdefault(node.id, node)
            latest = max(latest, span.end_ns or span.start_ns)
            if span.events:
                node.events = list(span.events)
                latest = max(latest, *(note.at_ns for note in span.events))
        self._latest_ns = latest
        for span in stored:
            self._attach(known[span.span], span.parent)
        self.open = sum(node.end_ns is None for node in known.values())
        if not live:
            self.frozen_ns = self._latest_ns if self.open else None

    def _attach(self, node: SpanNode, parent_id: int | None) -> None:
        parent = self.spans.get(parent_id) if parent_id is not None else None
        above = parent if node.children or parent is node else None  # else it is above nothing
        while above is not None:
            if above is node:
                parent = None
                break
            above = above.parent
        node.parent = parent
        (parent.children if parent is not None else self.roots).append(node)

    # --- live ----------------------------------------------------------------------------------------

    def started(self, event: SpanStarted) -> None:
        """A span began."""
        if event.run != self.run or event.span in self.spans:
            return
        node = SpanNode(event.span, event.name, event.kind, event.start_ns)
        node.attributes = event.attributes
        self.spans[node.id] = node
        self._attach(node, event.parent)
        _changed(node)
        self._latest_ns = max(self._latest_ns, event.start_ns)
        self.open += 1
        self.structure += 1

    def noted(self, event: SpanEvent) -> None:
        """Something happened within a span."""
        node = self.spans.get(event.span)
        if event.run == self.run and node is not None:
            node.events.append(SpanNote(name=event.name, at_ns=event.at_ns, attributes=event.attributes))
            _changed(node)
            self._latest_ns = max(self._latest_ns, event.at_ns)
            self.structure += 1

    def ended(self, event: SpanEnded) -> None:
        """A span ended; its attributes are completed."""
        node = self.spans.get(event.span)
        if event.run != self.run or node is None:
            return
        self.open -= node.is_open
        node.end_ns, node.status = event.end_ns, event.status
        if event.attributes:
            node.attributes = {**node.attributes, **event.attributes}
        _changed(node)
        self._latest_ns = max(self._latest_ns, event.end_ns)
        self.stamp += 1

    def freeze(self) -> None:
        """The run is over: what is open now stays open, and its bar stops growing."""
        if self.open and self.frozen_ns is None:
            self.frozen_ns = self._latest_ns if self.run_is_old() else self._clock()
        self.stamp += 1

    def run_is_old(self) -> bool:
        """Say whether the last thing told lies so far back that the clock says nothing about it."""
        return not 0 <= self._clock() - self._latest_ns < 3_600_000_000_000  # noqa: PLR2004 - an hour

    # --- questions -----------------------------------------------------------------------------------

    @property
    def version(self) -> tuple[int, int]:
        """What is another one after anything has come."""
        return self.structure, self.stamp

    @property
    def is_live(self) -> bool:
        """Whether a span is open and growing."""
        return self.open > 0 and self.frozen_ns is None

    @property
    def now_ns(self) -> int:
        """The time to draw open spans at."""
        return self.frozen_ns if self.frozen_ns is not None else max(self._clock(), self._latest_ns)

    def bounds(self) -> tuple[int, int]:
        """Return start and end (ns) of everything, open spans ending now."""
        if not self.spans:
            return 0, 1
        start = min(node.start_ns for node in self.roots)
        end = self.now_ns if self.open else self._latest_ns
        return start, max(end, start + 1)

    def culprit(self) -> SpanNode | None:
        """Return the span to look at first: the innermost that is open, or that made the test fail."""
        span = self.roots[0] if self.roots else None
        while span is not None:
            below = [child for child in span.children if (child.is_open if self.open else child.is_error)]
            if not below or not (self.open or span.is_error):
                return span
            span = below[-1]
        return None

    def walk(self) -> Iterator[SpanNode]:
        """Yield every span, parents first."""
        stack = self.roots[::-1]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


def _changed(node: SpanNode) -> None:
    """Say so to all who can see it: its parent, the one above, and further up as long as they have ended.

    An open span is shown alone, so that what is two levels below it changes nothing above.
    """
    node.stamp += 1
    above = node.parent
    if above is not None:
        above.stamp += 1
        above = above.parent
    while above is not None:
        above.stamp += 1
        if above.end_ns is None:
            break
        above = above.parent
