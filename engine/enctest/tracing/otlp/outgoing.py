"""A test's trace in OTLP's JSON form, under the semantic conventions for tests."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

from enctest.events import Attributes, Span, SpanKind, SpanNote
from enctest.tracing.spans import ROOT

_KINDS: Final[dict[SpanKind, int]] = {
    "test": 1,
    "phase": 1,
    "fixture": 1,
    "internal": 1,
    "server": 2,
    "client": 3,
    "db": 3,
    "producer": 4,
    "consumer": 5,
}
_STATUS: Final = {"unset": 0, "ok": 1, "error": 2}
_SCOPE: Final = {"name": "enctest"}


def request(traces: Iterable[tuple[str, Iterable[Span], int]], resource: Attributes) -> dict[str, Any]:
    """Return an export request: each test is a trace of its own.

    Args:
        traces: Node id, spans, and the nanoseconds that make an epoch time of the spans' monotonic one.
        resource: Attributes that all share, such as `service.name`.
    """
    spans = [span for test, those, epoch_ns in traces for span in _trace(test, those, epoch_ns)]
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _pairs(resource)},
                "scopeSpans": [{"scope": _SCOPE, "spans": spans}],
            }
        ]
    }


def _trace(test: str, spans: Iterable[Span], epoch_ns: int) -> Iterator[dict[str, Any]]:
    trace, prefix = os.urandom(16).hex(), int.from_bytes(os.urandom(8), "big")
    for span in spans:
        attributes = span.attributes
        if span.span == ROOT:
            suite = test.partition("[")[0].rpartition("::")[0] or test
            attributes = {"test.suite.name": suite, **attributes}
        yield _span(span, attributes, trace, prefix, epoch_ns)


def _span(span: Span, attributes: Attributes, trace: str, prefix: int, epoch_ns: int) -> dict[str, Any]:
    end_ns = span.end_ns if span.end_ns is not None else span.start_ns
    found: dict[str, Any] = {
        "traceId": trace,
        "spanId": _id(span.span, prefix),
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(span.start_ns + epoch_ns),
        "endTimeUnixNano": str(end_ns + epoch_ns),
        "attributes": _pairs(attributes),
        "status": _status(span, attributes),
    }
    if span.parent is not None:
        found["parentSpanId"] = _id(span.parent, prefix)
    if span.events:
        found["events"] = [_event(note, epoch_ns) for note in span.events]
    return found


def _id(number: int, prefix: int) -> str:
    """Return a span's id: numbers are unique in a test only, so each trace has bits of its own."""
    return f"{(number ^ prefix) & (1 << 64) - 1 or 1:016x}"


def _status(span: Span, attributes: Attributes) -> dict[str, Any]:
    status: dict[str, Any] = {"code": _STATUS[span.status]}
    if span.status == "error":
        text = attributes.get("otel.status_description") or attributes.get("pytest.failure")
        if text:
            status["message"] = str(text)
    return status


def _event(note: SpanNote, epoch_ns: int) -> dict[str, Any]:
    attributes = dict(note.attributes)
    stack = attributes.pop("exception.stack", None)
    if stack is not None:
        attributes["exception.stacktrace"] = "\n".join(map(str, stack))
    return {
        "timeUnixNano": str(note.at_ns + epoch_ns),
        "name": note.name,
        "attributes": _pairs(attributes),
    }


def _pairs(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        small = -(1 << 63) <= value < 1 << 63
        return {"intValue": str(value)} if small else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": str(value)}
