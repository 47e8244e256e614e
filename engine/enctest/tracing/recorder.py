"""Records what a test does as spans, live: each start, event and end is told as it happens."""

from __future__ import annotations

import _thread
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from enctest.events import Attributes, Notice, SpanEvent, SpanKind
from enctest.record import Record
from enctest.tracing.callsite import Frames
from enctest.tracing.exceptions import described, text_of
from enctest.tracing.redaction import hide
from enctest.tracing.spans import CURRENT, SPAN_LIMIT, OpenSpan, Telling, now
from enctest.tracing.steps import Emit, Steps
from enctest.tracing.twins import stand_in, twin_of
from enctest.tracing.values import Ready

_STRUCTURE: Final = frozenset({"test", "phase", "fixture"})


class TraceRecorder(Steps):
    """Turns what hooks notice into records of the active test.

    Args:
        run: Number of the run.
        emit: Where records go; cheap and safe from any thread.
        root: The project's root, for call sites (default: the current folder).
    """

    def __init__(self, run: int, emit: Emit, root: str | os.PathLike[str] | None = None) -> None:
        super().__init__(run, emit)
        self.frames = Frames(os.fspath(root) if root is not None else os.getcwd())
        self.foreign: Callable[[], OpenSpan | None] | None = None
        self._complained: set[str] = set()
        self.unfinished: dict[str, str] = {}
        """What was printed without the end of its line, by stream."""
        self.telling = Telling()
        self.listening = False
        """Whether other processes may send spans, with the ids of the application's as parents."""
        self.variables: Callable[[OpenSpan], dict[str, str]] | None = None
        """Returns what the environment of a process is to hold that a span starts."""
        _forget_at_fork(weakref.ref(self))

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
        self.put(span)
        return span

    def open(self, above: OpenSpan, name: str, kind: SpanKind) -> OpenSpan | None:
        """Open a span below one that is known to be its parent, without making it the current one."""
        span = OpenSpan(above.trace, above, name, kind, {})
        if span.number > SPAN_LIMIT:
            span.trace.lost_spans += 1
            return None
        self.put(span)
        return span

    def join(self, twin: OpenSpan, attributes: Attributes, *, current: bool = True) -> OpenSpan:
        """Return what stands for a second span of the same thing: it adds to the first one's attributes."""
        twin.attributes.update(attributes)
        span = stand_in(twin)
        if current:
            span.previous = CURRENT.get()
            CURRENT.set(span)
        return span

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
        self.put(span)
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

    def redirect(self, emit: Emit) -> None:
        """Tell somebody else from now on, as in a process that was forked to work for a test."""
        self._emit = emit


def _forget_at_fork(reference: weakref.ref[TraceRecorder]) -> None:
    def forget() -> None:
        recorder = reference()
        if recorder is not None:
            recorder.forget()

    os.register_at_fork(after_in_child=forget)
