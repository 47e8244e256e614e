"""Records what a test does as spans, live: each start, event and end is told as it happens."""

from __future__ import annotations

import _thread
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from enctest.events import Attributes, Notice, SpanEvent, SpanKind, SpanStatus
from enctest.record import Record
from enctest.tracing.beside import put_beside
from enctest.tracing.callsite import Frames
from enctest.tracing.model import ELSEWHERE
from enctest.tracing.spans import CURRENT, OpenSpan, TestTrace, now
from enctest.tracing.values import Ready

Item = Record | Callable[[], Record | None]
Emit = Callable[[Item], None]
"""Takes a record, or a function that makes one some milliseconds later on another thread."""

Kept = OpenSpan | tuple[OpenSpan, str, int, Attributes]
"""A span, or an event: the span it is in, its name, when, and its attributes."""

SPAN_LIMIT: Final = 20_000
"""Spans recorded per test; more are only counted. The same holds for events."""

_STRUCTURE: Final = frozenset({"test", "phase", "fixture"})


class TraceRecorder:
    """Turns what hooks notice into records of the active test.

    Args:
        run: Number of the run.
        emit: Where records go; cheap and safe from any thread.
        root: The project's root, for call sites (default: the current folder).
    """

    def __init__(self, run: int, emit: Emit, root: str | os.PathLike[str] | None = None) -> None:
        self.run = run
        self.frames = Frames(os.fspath(root) if root is not None else os.getcwd())
        self.foreign: Callable[[], OpenSpan | None] | None = None
        self._emit = emit
        self._trace: TestTrace | None = None
        self._stack: list[OpenSpan] = []  # root, phase, fixtures: what pytest itself is in
        self._innermost: OpenSpan | None = None  # the last of them, read by all threads
        self._main = _thread.get_ident()
        self._complained: set[str] = set()
        self.kept: list[Kept] | None = None
        self.kept_whole = True
        _forget_at_fork(weakref.ref(self))

    @property
    def active(self) -> bool:
        """Whether a test runs, so that spans are recorded."""
        return self._innermost is not None

    # --- the skeleton, for the pytest plugin -----------------------------------------------------------

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
        while len(self._stack) > 1:
            self.leave(self._stack[-1])
        limits = _limits(trace)
        self.leave(self._stack[0], status, {**limits, **(attributes or {})} if limits else attributes)
        trace.closed = True
        self.forget()

    def enter(self, name: str, kind: SpanKind, attributes: Attributes | None = None) -> OpenSpan | None:
        """Open a phase or fixture span below the innermost one of the skeleton."""
        above = self._innermost
        if above is None:
            return None
        span = OpenSpan(above.trace, above, name, kind, attributes or {})
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

    # --- for hooks --------------------------------------------------------------------------------------

    def start(
        self,
        name: str,
        kind: SpanKind = "internal",
        attributes: Attributes | None = None,
        *,
        parent: OpenSpan | None = None,
        current: bool = True,
    ) -> OpenSpan | None:
        """Open a span below the current one; None when no test runs or the test has too many.

        Args:
            name: What is done, such as `SELECT orders`.
            kind: What sort of thing it is.
            attributes: By semantic conventions; the span keeps the dictionary.
            parent: Use this span as parent if it belongs to the running phase.
            current: Make it the parent of what the context does until `end`.
        """
        innermost = self._innermost
        if innermost is None:
            return None
        trace = innermost.trace
        attributes = {} if attributes is None else attributes
        above = self._parent(innermost, parent, attributes)
        span = OpenSpan(trace, above, name, kind, attributes)
        if span.number > SPAN_LIMIT and kind not in _STRUCTURE:
            trace.lost_spans += 1
            return None
        if current:
            span.previous = CURRENT.get()
            CURRENT.set(span)
        if self.kept is not None:
            self.kept.append(span)
        self._emit(span.started)
        return span

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
        span.status = status
        if span.cause is not None:
            put_beside(span.cause, span)
        if span.beside is not None:
            elsewhere = (attributes or {}).get(ELSEWHERE, 0) + span.elsewhere_ns()
            attributes = {**(attributes or {}), ELSEWHERE: elsewhere}
        if attributes:
            if type(span.attributes) is not Ready:
                span.attributes.update(attributes)
            elif type(attributes) is Ready:
                span.more = attributes
            else:
                span.attributes = {**span.attributes, **attributes}
        if CURRENT.get() is span:
            CURRENT.set(span.previous)
        span.previous = None
        if not span.trace.closed and self._trace is not None:
            self._emit(span.ended)

    def here(self) -> OpenSpan | None:
        """Return the span that what happens here and now belongs to; None when no test runs."""
        innermost = self._innermost
        return None if innermost is None else self._parent(innermost, None, {})

    def fail(self, span: OpenSpan | None, error: BaseException) -> None:
        """Close a span that an exception left; a cancellation or a skip is no error."""
        if span is None:
            return
        if isinstance(error, Exception):
            self.exception(error, span)
            self.end(span, "error", {"error.type": type(error).__qualname__})
        else:
            self.end(span, "unset", {"enctest.left_by": type(error).__qualname__})

    def event(self, name: str, attributes: Attributes | None = None, *, span: OpenSpan | None = None) -> None:
        """Tell something that happened within `span`, or within the current one."""
        innermost = self._innermost
        if innermost is None:
            return
        trace = innermost.trace
        attributes = {} if attributes is None else attributes
        target = span or self._parent(innermost, None, attributes)
        if target.trace is trace:
            self.note(target, name, now(), attributes)

    def note(self, target: OpenSpan, name: str, at_ns: int, attributes: Attributes) -> None:
        """Tell an event of a span of the running test, which happened at a time of the monotonic clock."""
        trace = target.trace
        trace.events += 1
        if trace.events > SPAN_LIMIT:
            trace.lost_events += 1
            return
        if self.kept is not None:
            self.kept.append((target, name, at_ns, attributes))
        self._emit(
            lambda: SpanEvent(
                t=trace.at(at_ns),
                run=trace.run,
                test=trace.test,
                span=target.number,
                name=name,
                at_ns=at_ns,
                attributes=trace.cleaner.clean(attributes),
            )
        )

    def exception(self, error: BaseException, span: OpenSpan | None = None) -> None:
        """Tell an exception as an event: type, message, and stack as `file:line function`."""
        self.event(
            "exception",
            {
                "exception.type": _qualified(type(error)),
                "exception.message": _text(error),
                "exception.stack": self.frames.stack(error.__traceback__),
            },
            span=span,
        )

    @contextmanager
    def span(
        self, name: str, kind: SpanKind = "internal", attributes: Attributes | None = None
    ) -> Iterator[OpenSpan | None]:
        """Open a span for the length of a `with` block."""
        __tracebackhide__ = True
        span = self.start(name, kind, attributes)
        try:
            yield span
        except BaseException as error:
            self.fail(span, error)
            raise
        self.end(span)

    def call_site(self, frame: FrameType | None, attributes: Attributes) -> None:
        """Add the project's innermost file and line at or above `frame` to `attributes`."""
        site = self.frames.call_site(frame)
        if site is not None:
            attributes["code.file.path"], attributes["code.line.number"] = site

    def complain(self, where: str, error: Exception) -> None:
        """Say once that a part of the capture does not work; the test is not to notice."""
        if where not in self._complained:
            self._complained.add(where)
            self._emit(
                Notice(message=f"spans of {where} are incomplete: {type(error).__name__}: {_text(error)}")
            )

    # --- inside -----------------------------------------------------------------------------------------

    def _parent(self, innermost: OpenSpan, asked: OpenSpan | None, attributes: Attributes) -> OpenSpan:
        """Return the parent of something that happens in this context now.

        A context may be stale (a loop or thread that an earlier test or phase started); what then
        happens belongs to the innermost span that pytest is in, marked unless on the main thread.
        """
        phase = innermost.phase
        if asked is not None and asked.phase is phase:
            return asked
        best = CURRENT.get()
        if best is not None and best.phase is not phase:
            best = None
        if self.foreign is not None:
            other = self.foreign()
            if other is not None and other.phase is phase and (best is None or other.number > best.number):
                best = other
        on_main = _thread.get_ident() == self._main
        if best is None:
            if not on_main:
                attributes["enctest.detached"] = True
            return innermost
        return innermost if on_main and best.number < innermost.number else best

    def redirect(self, emit: Emit) -> None:
        """Tell somebody else from now on, as in a process that was forked to work for a test."""
        self._emit = emit

    def forget(self) -> None:
        """Record nothing more of this test, as in a child that it forked, whose work is not ours to tell."""
        self._trace = self._innermost = None
        self._stack = []


def _forget_at_fork(reference: weakref.ref[TraceRecorder]) -> None:
    def forget() -> None:
        recorder = reference()
        if recorder is not None:
            recorder.forget()

    os.register_at_fork(after_in_child=forget)


def _limits(trace: TestTrace) -> Attributes:
    found: Attributes = {}
    if trace.lost_spans:
        found["enctest.spans.not_recorded"] = trace.lost_spans
    if trace.lost_events:
        found["enctest.events.not_recorded"] = trace.lost_events
    if trace.cleaner.exhausted:
        found["enctest.values.cut"] = True
    return found


def _qualified(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - the application's own __str__ may raise anything
        return f"<no message: {type(broken).__name__}>"
