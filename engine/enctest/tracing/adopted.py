"""Spans that another process has recorded, taken into the trace of the test that started it."""

from __future__ import annotations

from enctest.events import Attributes, SpanEnded, SpanRecord, SpanStarted
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import SPAN_LIMIT, OpenSpan

_DETACHED = "enctest.detached"


class Adopted:
    """The spans of one process, under numbers of our own.

    Args:
        recorder: Takes them.
        above: The span that the process was started in.
    """

    def __init__(self, recorder: TraceRecorder, above: OpenSpan | None) -> None:
        self._recorder = recorder
        self._above = above
        self._spans: dict[int, OpenSpan | None] = {}
        self._process: Attributes = {}

    def apply(self, record: SpanRecord) -> None:
        """Take in one record; the root there stands for the process, and is left out."""
        if isinstance(record, SpanStarted):
            if record.parent is None:
                self._process = {"process.pid": record.attributes.get("process.pid", 0)}
            else:
                self._spans[record.span] = self._start(record)
            return
        span = self._spans.get(record.span)
        if span is None:
            return
        if isinstance(record, SpanEnded):
            self._recorder.end(span, record.status, record.attributes, record.end_ns)
        else:
            self._recorder.note(span, record.name, record.at_ns, record.attributes)

    def _start(self, record: SpanStarted) -> OpenSpan | None:
        above = self._spans.get(record.parent or 0)
        attributes = dict(record.attributes)
        if above is None:  # where a thread of that process belongs is no question here
            attributes.pop(_DETACHED, None)
            attributes |= self._process
        return self._open(record, attributes, above or self._above)

    def _open(self, record: SpanStarted, attributes: Attributes, above: OpenSpan | None) -> OpenSpan | None:
        here = self._recorder.here()
        if here is None:
            return None
        if above is None or above.trace is not here.trace:  # the process is one of a wider fixture's
            above = here
        span = OpenSpan(here.trace, above, record.name, record.kind, attributes)
        span.start_ns = record.start_ns
        if span.number > SPAN_LIMIT:
            span.trace.lost_spans += 1
            return None
        self._recorder.put(span)
        return span
