"""Spans of other processes find their place in the trace of the test that runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from enctest.events import Notice
from enctest.tracing.otlp.incoming import Received, ReceivedLog
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan, TestTrace

_FOREIGN: Final = 1 << 52
"""Numbers of received spans start here: above all of ours, below what a double cannot hold."""
_PATIENCE_NS: Final = 500_000_000
"""How long a span waits for its parent, which exporters send later, as it ends later."""


class Inbox:
    """Takes what exporters send; knows which process was started by which span.

    A span belongs to the test whose trace id it has. One that has none of ours (a server that begins its own
    traces, or an application that takes them from its requests) belongs to the test that runs: below the span
    that has its parent's id, else below the process, if that was started in this test.

    Args:
        recorder: Where the spans go.
    """

    def __init__(self, recorder: TraceRecorder, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._recorder = recorder
        self._clock = clock
        self._lock = threading.Lock()
        self._trace: TestTrace | None = None
        self._trace_id = ""
        self._processes: dict[int, OpenSpan] = {}
        self._known: dict[int, OpenSpan] = {}
        self._waiting: dict[int, list[tuple[int, Received, OpenSpan]]] = {}
        self._serial = 0
        self.late = 0
        """Spans that came when their test was over."""

    # --- on the test's thread -----------------------------------------------------------------------------

    def process(self, span: OpenSpan) -> tuple[str, str]:
        """Count a process that a span starts; return its `TRACEPARENT` and a mark that its requests carry."""
        with self._lock:
            self._follow(span.trace)
            self._processes[span.number] = span
            span.trace.foreign.update((number, one.number) for number, one in span.trace.open_foreign.items())
            return f"00-{self._trace_id}-{span.number:016x}-01", f"{self._serial}.{span.number}"

    def close_test(self) -> None:
        """Place what still waits: no parent will come any more."""
        with self._lock:
            self._release(self._clock() + 2 * _PATIENCE_NS, orphans=True)

    # --- on the receiver's thread -------------------------------------------------------------------------

    def take_spans(self, spans: Iterable[Received], mark: str) -> None:
        """Take the spans of one request."""
        with self._lock:
            here = self._place(mark)
            for span in sorted(spans, key=lambda span: span.start_ns):
                self._take(span, here)
            self._release(self._clock())

    def take_logs(self, logs: Iterable[ReceivedLog], mark: str) -> None:
        """Take the log records of one request."""
        with self._lock:
            here = self._place(mark)
            for log in logs:
                if here is None or self._is_late(log.note.at_ns, here.trace):
                    self._count_late()
                    continue
                span = self._known.get(_number(log.span), here) if log.span else here
                at_ns = log.note.at_ns - here.trace.epoch_ns
                self._recorder.note(span, log.note.name, at_ns, log.note.attributes)

    def _take(self, span: Received, here: OpenSpan | None) -> None:
        if here is None or self._is_late(span.start_ns, here.trace):
            self._count_late()
            return
        number, parent = _number(span.span), self._parent(span, here)
        if number in self._known:
            return
        if parent >= _FOREIGN and parent not in self._known:
            self._waiting.setdefault(parent, []).append((self._clock(), span, here))
        else:
            self._tell(span, here, parent)

    def _tell(self, span: Received, here: OpenSpan, parent: int) -> None:
        """Tell a span, and those that waited for it."""
        stack = [(span, here, parent)]
        while stack:
            span, here, parent = stack.pop()
            number = _number(span.span)
            if number in self._known:
                continue
            if here.trace.is_full():
                continue
            self._known[number] = self._made(span, here, number, parent)
            stack += [(child, place, number) for _, child, place in self._waiting.pop(number, ())]

    def _made(self, span: Received, here: OpenSpan, number: int, parent: int) -> OpenSpan:
        made = OpenSpan(here.trace, here, span.name, span.kind, span.attributes)
        epoch_ns = here.trace.epoch_ns
        made.number, made.parent, made.status = number, parent, span.status
        made.start_ns, made.end_ns = span.start_ns - epoch_ns, span.end_ns - epoch_ns
        self._recorder.place(made)
        for note in span.notes:
            self._recorder.note(made, note.name, note.at_ns - epoch_ns, note.attributes)
        return made

    def _release(self, now: int, *, orphans: bool = False) -> None:
        """Tell what has waited long enough; at a test's end below its process, as its parent never came."""
        due = [parent for parent, those in self._waiting.items() if now - those[0][0] > _PATIENCE_NS]
        for parent in due:
            for _, span, here in self._waiting.pop(parent, ()):
                self._tell(span, here, here.number if orphans else parent)

    def _parent(self, span: Received, here: OpenSpan) -> int:
        """Return the number of a span's parent."""
        if not span.parent:
            return here.number
        number = int(span.parent, 16)
        known = here.trace.foreign.get(number)
        if known is not None:
            return known
        if number < _FOREIGN >> 12:  # one of ours, out of `TRACEPARENT`
            return number if span.trace == self._trace_id else here.number
        return _number(span.parent)

    def _place(self, mark: str) -> OpenSpan | None:
        """Return the span of the process that sends, or what pytest is in; None when no test runs."""
        innermost = self._recorder.innermost
        if innermost is None:
            return None
        self._follow(innermost.trace)
        serial, _, number = mark.partition(".")
        process = self._processes.get(int(number)) if number.isdecimal() else None
        return process if process is not None and serial == str(self._serial) else innermost

    def _follow(self, trace: TestTrace) -> None:
        """Begin anew if another test runs."""
        if trace is self._trace:
            return
        self._trace, self._trace_id = trace, os.urandom(16).hex()
        self._serial += 1
        self._processes, self._known, self._waiting = {}, {}, {}

    @staticmethod
    def _is_late(at_ns: int, trace: TestTrace) -> bool:
        return bool(at_ns) and at_ns - trace.epoch_ns < trace.begun_ns

    def _count_late(self) -> None:
        self.late += 1
        if self.late == 1:
            self._recorder.tell(
                Notice(message="spans of other processes came after their test had ended; they are not shown")
            )


def _number(span: str) -> int:
    return _FOREIGN | int(span, 16) & (_FOREIGN - 1)
