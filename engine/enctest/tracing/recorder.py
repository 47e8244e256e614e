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
from enctest.tracing.callsite import Frames
from enctest.tracing.exceptions import described, text_of
from enctest.tracing.redaction import hide
from enctest.tracing.spans import CURRENT, SPAN_LIMIT, OpenSpan, Telling, TestTrace, now
from enctest.tracing.twins import add_missing, stand_in, twin_of
from enctest.tracing.values import Ready

Item = Record | Callable[[], Record | None]
Emit = Callable[[Item], None]
"""Takes a record, or a function that makes one some milliseconds later on another thread."""

Kept = OpenSpan | tuple[OpenSpan, str, int, Attributes]
"""A span, or an event: the span it is in, its name, when, and its attributes."""

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
        self.unfinished: dict[str, str] = {}
        """What was printed without the end of its line, by stream."""
        self.telling = Telling()
        self.before_end: Callable[[], None] | None = None
        """Called when a test is about to end."""
        self.listening = False
        """Whether other processes may send spans, with the ids of the application's as parents."""
        self.variables: Callable[[OpenSpan], dict[str, str]] | None = None
        """Returns what the environment of a process is to hold that a span starts."""
        _forget_at_fork(weakref.ref(self))

    @property
    def innermost(self) -> OpenSpan | None:
        """What pytest itself is in: a test, a phase or a fixture."""
        return self._innermost

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
            span.parent = None
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
        if trace.instrumented and (twin := twin_of(trace, above, kind, attributes)) is not None:
            return self.join(twin, attributes, current=current)
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

    def join(self, twin: OpenSpan, attributes: Attributes, *, current: bool = True) -> OpenSpan:
        """Return what stands for a second span of the same thing: it adds to the first one's attributes."""
        twin.attributes.update(attributes)
        span = stand_in(twin)
        if current:
            span.previous = CURRENT.get()
            CURRENT.set(span)
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
        if span.into is not None:
            add_missing(span.into, attributes)
            if CURRENT.get() is span:
                CURRENT.set(span.previous)
            return
        span.status = status
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

    def amend(self, span: OpenSpan | None, attributes: Attributes) -> None:
        """Add what became known of a span only after its end, such as what was read from a response."""
        if span is None or type(span.attributes) is Ready:
            return
        span = span.into or span
        span.attributes.update(attributes)
        if span.end_told and not span.trace.closed and self._trace is not None:
            self._emit(span.ended)

    def here(self) -> OpenSpan | None:
        """Return the span that what happens here and now belongs to; None when no test runs."""
        innermost = self._innermost
        return None if innermost is None else self._parent(innermost, None, {})

    def place(self, span: OpenSpan) -> None:
        """Tell a span that has ended already, in another process."""
        if self.kept is not None:
            self.kept.append(span)
        self._emit(span.started)
        self._emit(span.ended)

    def tell(self, record: Record) -> None:
        """Tell something that is no part of a trace."""
        self._emit(record)

    def fail(self, span: OpenSpan | None, error: BaseException) -> None:
        """Close a span that an exception left; a cancellation or a skip is no error."""
        if span is None:
            return
        if span.into is not None:  # the other instrumentation tells the error
            self.end(span)
        elif isinstance(error, Exception):
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

    def printed(self, stream: str, text: str) -> None:
        """Tell what was printed, whole lines without the last line's end."""
        self.event("output", {"output.stream": stream, "output.text": text})

    def tell_unfinished(self) -> None:
        """Tell what was printed without the end of its line, because nothing follows in this phase."""
        while self.unfinished:
            self.printed(*self.unfinished.popitem())

    def exception(self, error: BaseException, span: OpenSpan | None = None) -> None:
        """Tell an exception as an event: type, message, stack (`file:line function`) and local variables."""
        self.event("exception", described(self.frames, error), span=span)

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

    hide = staticmethod(hide)
    """Leaves a text out of everything that is told from now on."""

    def complain(self, where: str, error: Exception) -> None:
        """Say once that a part of the capture does not work; the test is not to notice."""
        if where not in self._complained:
            self._complained.add(where)
            self._emit(
                Notice(message=f"spans of {where} are incomplete: {type(error).__name__}: {text_of(error)}")
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
