"""What pytest itself is in while a test runs: the root span, phases and fixtures; and how spans end."""

from __future__ import annotations

import _thread
from collections.abc import Callable

from enctest.events import Attributes, SpanKind, SpanStatus
from enctest.record import Record
from enctest.tracing.beside import put_beside
from enctest.tracing.own_time import ELSEWHERE
from enctest.tracing.spans import CURRENT, OpenSpan, TestTrace, now
from enctest.tracing.twins import add_missing
from enctest.tracing.values import Ready

Item = Record | Callable[[], Record | None]
Emit = Callable[[Item], None]
"""Takes a record, or a function that makes one some milliseconds later on another thread."""

Kept = OpenSpan | tuple[OpenSpan, str, int, Attributes]
"""A span, or an event: the span it is in, its name, when, and its attributes."""


class Steps:
    """The skeleton of the running test's trace, for the pytest plugin.

    Args:
        run: Number of the run.
        emit: Where records go; cheap and safe from any thread.
    """

    def __init__(self, run: int, emit: Emit) -> None:
        self.run = run
        self._emit = emit
        self._trace: TestTrace | None = None
        self._stack: list[OpenSpan] = []  # root, phase, fixtures: what pytest itself is in
        self._innermost: OpenSpan | None = None  # the last of them, read by all threads
        self._main = _thread.get_ident()
        self.kept: list[Kept] | None = None
        self.kept_whole = True
        self.before_end: Callable[[], None] | None = None
        """Called when a test is about to end."""

    @property
    def innermost(self) -> OpenSpan | None:
        """What pytest itself is in: a test, a phase or a fixture."""
        return self._innermost

    @property
    def active(self) -> bool:
        """Whether a test runs, so that spans are recorded."""
        return self._innermost is not None

    def begin_test(self, test: str, attributes: Attributes | None = None) -> None:
        """Open the root span of a test; an unfinished one before it is ended first."""
        if self._trace is not None:
            self.end_test("unset")
        self._main = _thread.get_ident()
        self._trace = TestTrace(self.run, test)
        if self.kept is not None:
            self.kept, self.kept_whole = [], True
        root = OpenSpan(self._trace, None, test, "test", attributes or {})
        self._enter(root)

    def end_test(self, status: SpanStatus, attributes: Attributes | None = None) -> None:
        """End the root span and whatever pytest left open below it."""
        trace = self._trace
        if trace is None:
            return
        if self.before_end is not None:
            self.before_end()
        while len(self._stack) > 1:
            self.leave(self._stack[-1])
        limits = trace.limits()
        self.leave(self._stack[0], status, {**limits, **(attributes or {})} if limits else attributes)
        trace.closed = True
        self.forget()

    def enter(
        self, name: str, kind: SpanKind, attributes: Attributes | None = None, *, lane: bool = False
    ) -> OpenSpan | None:
        """Open a phase or fixture span below the innermost one of the skeleton, or beside the test's root."""
        above = self._innermost
        if above is None:
            return None
        span = OpenSpan(above.trace, above, name, kind, attributes or {})
        if lane:
            span.parent, span.cause = None, above
        self._enter(span)
        return span

    def leave(
        self,
        span: OpenSpan | None,
        status: SpanStatus = "unset",
        attributes: Attributes | None = None,
        end_ns: int = 0,
    ) -> None:
        """Close a span of the skeleton; `end_ns` is when it really ended, if that was earlier."""
        if span is None or span.end_ns:
            return
        stack = self._stack
        if span in stack:
            stack.remove(span)
            self._innermost = stack[-1] if stack else None
        self.end(span, status, attributes, end_ns)

    def resume(self, span: OpenSpan | None) -> None:
        """Make `span` the current one of this context, such as inside a coroutine that lost it."""
        CURRENT.set(span)

    def _enter(self, span: OpenSpan) -> None:
        self._stack.append(span)
        self._innermost = span
        span.previous = CURRENT.get() if span.parent is not None else None
        CURRENT.set(span)
        self.put(span)

    def put(self, span: OpenSpan) -> None:
        """Tell, and keep where that was asked for, that a span was opened."""
        if self.kept is not None:
            self.kept.append(span)
        self._emit(span.started)

    def keep(self) -> None:
        """Keep spans and events of the running test in `kept`, for the test itself to look at.

        `kept_whole` tells whether they are all there: not if this test had come further than its beginning.
        """
        if self.kept is None:
            self.kept, self.kept_whole = list(self._stack), len(self._stack) <= 1

    def end(
        self,
        span: OpenSpan | None,
        status: SpanStatus = "unset",
        attributes: Attributes | None = None,
        end_ns: int = 0,
    ) -> None:
        """Close a span, once; one whose test is over is left open."""
        if span is None or span.end_ns:
            return
        span.end_ns = end_ns or now()
        if CURRENT.get() is span:
            CURRENT.set(span.previous)
        span.previous = None
        if span.into is not None:
            add_missing(span.into, attributes)
            return
        span.status = status
        if span.cause is not None:
            put_beside(span.cause, span)
        if span.beside is not None:
            elsewhere = (attributes or {}).get(ELSEWHERE, 0) + span.elsewhere_ns()
            attributes = {**(attributes or {}), ELSEWHERE: elsewhere}
        if attributes:
            _add(span, attributes)
        if not span.trace.closed and self._trace is not None:
            self._emit(span.ended)

    def close(self, span: OpenSpan, status: SpanStatus, attributes: Attributes) -> None:
        """Close a span that never was the current one, with all its attributes."""
        span.end_ns = now()
        span.status, span.attributes = status, attributes
        if not span.trace.closed and self._trace is not None:
            self._emit(span.ended)

    def forget(self) -> None:
        """Record nothing more of this test, as in a child that it forked, whose work is not ours to tell."""
        self._trace = self._innermost = None
        self._stack = []


def _add(span: OpenSpan, attributes: Attributes) -> None:
    """Add what only the end tells."""
    if type(span.attributes) is not Ready:
        span.attributes.update(attributes)
    elif type(attributes) is Ready:
        span.more = attributes
    else:
        span.attributes = {**span.attributes, **attributes}
