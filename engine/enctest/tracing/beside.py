"""Spans beside the test: what one test needed first, and what is done for others as well.

Such a span has no parent. It says which span needed it, and its time is put down with that one and those
above as not theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enctest.events import Attributes
from enctest.tracing.model import CAUSE
from enctest.tracing.spans import CURRENT, OpenSpan

if TYPE_CHECKING:
    from enctest.tracing.recorder import TraceRecorder


def start_beside(recorder: TraceRecorder, name: str, attributes: Attributes) -> OpenSpan | None:
    """Open a span beside the test and make it the current one; None when no test runs."""
    cause = recorder.here()
    if cause is None:
        return None
    span = OpenSpan(cause.trace, None, name, "internal", {**attributes, CAUSE: cause.number})
    span.phase, span.cause, span.previous = cause.phase, cause, CURRENT.get()
    CURRENT.set(span)
    recorder.put(span)
    return span


def put_beside(cause: OpenSpan, span: OpenSpan) -> None:
    """Put the time of a span that has ended down with its cause, up to the test, or another one beside it."""
    above: OpenSpan | None = cause
    while above is not None and not above.end_ns:
        above.beside = [*(above.beside or ()), (span.start_ns, span.end_ns)]
        above = above.above if above.parent is not None else None
