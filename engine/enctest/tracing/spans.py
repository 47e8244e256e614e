"""A span under way, and the test it belongs to."""

from __future__ import annotations

import _thread
import itertools
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from enctest.events import Attributes, SpanEnded, SpanKind, SpanStarted, SpanStatus
from enctest.tracing.intervals import covered_ns
from enctest.tracing.redaction import redact
from enctest.tracing.values import Cleaner, Ready, shorten

TEXT_BUDGET: Final = 64 * 1024 * 1024
"""Characters of attributes sent in full per test."""
SPAN_LIMIT: Final = 20_000
"""Spans recorded per test; more are only counted. The same holds for events."""
ROOT: Final = 1
"""Number of every test's root span."""
_NOTHING: Final[Attributes] = {}
_NAME_LIMIT: Final = 300
_IMMUTABLE: Final = frozenset({str, int, float, bool, type(None)})

CURRENT: ContextVar[OpenSpan | None] = ContextVar("enctest_span", default=None)


def now(_clock: Callable[[], int] = time.monotonic_ns) -> int:
    """Return nanoseconds of the monotonic clock, whatever tests do to the `time` module."""
    return _clock()


def current() -> OpenSpan | None:
    """Return the span that this context (thread or task) is in, also if its test is over."""
    return CURRENT.get()


class Telling(_thread._local):  # noqa: SLF001 - the bare one: `threading` need not be imported
    """Whether this thread shows a log record or warning that was told: what it prints meanwhile is that."""

    on = False
    process: OpenSpan | None = None
    """The span of a process that this thread is about to start."""


class TestTrace:
    """What is known of the test that runs: numbers, limits and the way out."""

    __slots__ = (
        "begun_ns",
        "cleaner",
        "closed",
        "epoch_ns",
        "events",
        "foreign",
        "instrumented",
        "lost_events",
        "lost_spans",
        "numbers",
        "open_foreign",
        "run",
        "test",
    )
    __test__ = False

    def __init__(self, run: int, test: str, _wall: Callable[[], int] = time.time_ns) -> None:
        self.run = run
        self.test = test
        self.begun_ns = now()
        self.epoch_ns = _wall() - self.begun_ns
        self.foreign: dict[int, int] = {}
        """Numbers of spans of OpenTelemetry's SDK, by their ids, which other processes may know."""
        self.open_foreign: dict[int, OpenSpan] = {}
        """Those of them that are open; to keep the others would make garbage collection slow."""
        self.instrumented: list[OpenSpan] = []
        """Open spans of the user's own OpenTelemetry instrumentations of libraries."""
        self.numbers = itertools.count(ROOT)
        self.cleaner = Cleaner(TEXT_BUDGET)
        self.events = self.lost_spans = self.lost_events = 0
        self.closed = False

    def is_full(self) -> bool:
        """Count one more span that came from elsewhere; tell whether there are too many."""
        if next(self.numbers) <= SPAN_LIMIT:
            return False
        self.lost_spans += 1
        return True

    def limits(self) -> Attributes:
        """Return what was left out of the test, as attributes of its root span; none if it is all there."""
        found: Attributes = {}
        if self.lost_spans:
            found["enctest.spans.not_recorded"] = self.lost_spans
        if self.lost_events:
            found["enctest.events.not_recorded"] = self.lost_events
        if self.cleaner.exhausted:
            found["enctest.values.cut"] = True
        return found

    def at(self, ns: int) -> float:
        """Return a monotonic time as seconds since the epoch."""
        return (ns + self.epoch_ns) / 1e9

    def ns(self, at: float) -> int:
        """Return seconds since the epoch as a monotonic time, now at the latest."""
        return min(now(), int(at * 1e9) - self.epoch_ns)


class OpenSpan:
    """A span under way. It is told when its start is sent, so `attributes` set until then are seen.

    `refresh`, if given, is called with the span before that, on the sending thread, to look at `theirs`, the
    open span of OpenTelemetry's that this one tells of. `more` are those that only the end tells, fit to be
    sent; they need `attributes` that are. A span with a `cause` is
    beside the test, and its time is put down in `beside` of the cause and those above. A span with `into` is
    the second one of the same thing, seen by another instrumentation: it is not told, and shares the
    attributes.
    """

    __slots__ = (
        "__weakref__",
        "_raw",
        "_told",
        "above",
        "attributes",
        "beside",
        "cause",
        "end_ns",
        "end_told",
        "into",
        "kind",
        "more",
        "name",
        "number",
        "parent",
        "phase",
        "previous",
        "refresh",
        "start_ns",
        "status",
        "theirs",
        "trace",
    )

    def __init__(
        self,
        trace: TestTrace,
        parent: OpenSpan | None,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        _clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.trace = trace
        self.number = next(trace.numbers)
        self.above = parent
        self.parent = parent.number if parent is not None else None
        self.phase: OpenSpan = self if kind in {"test", "phase"} or parent is None else parent.phase
        self.name = name
        self.kind: SpanKind = kind
        self.attributes = attributes
        self.previous: OpenSpan | None = None
        self.cause: OpenSpan | None = None
        self.beside: list[tuple[int, int]] | None = None
        self.status: SpanStatus = "unset"
        self.end_ns = 0
        self.end_told = False
        self.into: OpenSpan | None = None
        self.refresh: Callable[[OpenSpan], None] | None = None
        self.theirs: Any = None
        self.more = self._raw = self._told = _NOTHING
        self.start_ns = _clock()

    def started(self) -> SpanStarted:
        """Return the record of the start, with the attributes known by now."""
        trace = self.trace
        if self.refresh is not None and not self.end_ns:
            self.refresh(self)
        self._raw = raw = self.attributes
        if type(raw) is Ready:
            self._told = raw
        else:
            self._raw = raw.copy()
            self._told = trace.cleaner.clean(self._raw)
        return SpanStarted(
            t=(self.start_ns + trace.epoch_ns) / 1e9,
            run=trace.run,
            test=trace.test,
            span=self.number,
            parent=self.parent,
            name=self._shown_name(),
            kind=self.kind,
            start_ns=self.start_ns,
            attributes=self._told,
        )

    def _shown_name(self) -> str:
        if self.kind in {"test", "phase", "fixture"}:
            return shorten(self.name, _NAME_LIMIT)
        return redact(self.name if len(self.name) <= _NAME_LIMIT else shorten(self.name, _NAME_LIMIT))

    def ended(self) -> SpanEnded:
        """Return the record of the end, with the attributes that the start did not tell."""
        trace = self.trace
        self.end_told = True  # first: what is set from now on is told once more
        return SpanEnded(
            t=(self.end_ns + trace.epoch_ns) / 1e9,
            run=trace.run,
            test=trace.test,
            span=self.number,
            status=self.status,
            duration_ms=(self.end_ns - self.start_ns - self.elsewhere_ns()) / 1e6,
            end_ns=self.end_ns,
            attributes=self._news(),
        )

    def elsewhere_ns(self) -> int:
        """Return how much of its time was that of spans beside the test."""
        return 0 if self.beside is None else covered_ns(self.beside)

    def _news(self) -> Attributes:
        raw, told, now_set = self._raw, self._told, self.attributes
        if now_set is raw:
            return self.more
        changed = {
            key: value
            for key, value in now_set.copy().items()
            if type(value) not in _IMMUTABLE or key not in raw or raw[key] is not value
        }
        cleaned = self.trace.cleaner.clean(changed)
        return {key: value for key, value in cleaned.items() if key not in told or told[key] != value}
