"""From a request of an exporter to spans and log records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from enctest.events import Attributes, SpanKind, SpanStatus
from enctest.tracing.otlp.protobuf import MalformedError, decode

_KINDS: Final[dict[Any, SpanKind]] = {
    2: "server",
    3: "client",
    4: "producer",
    5: "consumer",
    "SPAN_KIND_SERVER": "server",
    "SPAN_KIND_CLIENT": "client",
    "SPAN_KIND_PRODUCER": "producer",
    "SPAN_KIND_CONSUMER": "consumer",
}
_STATUS: Final[dict[Any, SpanStatus]] = {
    1: "ok",
    2: "error",
    "STATUS_CODE_OK": "ok",
    "STATUS_CODE_ERROR": "error",
}


class Note(NamedTuple):
    """An event of a span that came: name, nanoseconds since the epoch, attributes."""

    name: str
    at_ns: int
    attributes: Attributes


class Received(NamedTuple):
    """A span that came; times are nanoseconds since the epoch, ids are hexadecimal (empty: none)."""

    trace: str
    span: str
    parent: str
    name: str
    kind: SpanKind
    start_ns: int
    end_ns: int
    status: SpanStatus
    attributes: Attributes
    notes: tuple[Note, ...]


class ReceivedLog(NamedTuple):
    """A log record that came, and the ids of the span that it belongs to."""

    trace: str
    span: str
    note: Note


def read(body: bytes, message: str, *, is_json: bool) -> dict[str, Any]:
    """Return a request in its JSON form.

    Args:
        body: As it came, unpacked.
        message: `Traces` or `Logs`.
        is_json: Whether it is JSON, else protobuf.

    Raises:
        MalformedError: It is neither.
    """
    if not is_json:
        return decode(body, message)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise MalformedError("not an object")
    return found


def spans(request: dict[str, Any]) -> Iterator[Received]:
    """Yield the spans of a request.

    Raises:
        MalformedError: A value is not what it should be.
    """
    for resource, scope, span in _leaves(request, "resourceSpans", "scopeSpans", "spans"):
        try:
            yield _span(resource, scope, span)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedError(f"not a span: {type(error).__name__}: {error}") from error


def logs(request: dict[str, Any]) -> Iterator[ReceivedLog]:
    """Yield the log records of a request.

    Raises:
        MalformedError: A value is not what it should be.
    """
    for _, scope, record in _leaves(request, "resourceLogs", "scopeLogs", "logRecords"):
        try:
            yield _log(scope, record)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedError(f"not a log record: {type(error).__name__}: {error}") from error


def _leaves(request: dict[str, Any], *names: str) -> Iterator[tuple[Attributes, str, dict[str, Any]]]:
    """Yield what is at the bottom, with the attributes of its resource and the name of its scope."""
    try:
        for outer in request.get(names[0]) or ():
            resource = _attributes((outer.get("resource") or {}).get("attributes"))
            for inner in outer.get(names[1]) or ():
                scope = str((inner.get("scope") or {}).get("name") or "")
                for leaf in inner.get(names[2]) or ():
                    yield resource, scope, leaf
    except AttributeError as error:
        raise MalformedError(f"not a request: {error}") from error


def _span(resource: Attributes, scope: str, span: dict[str, Any]) -> Received:
    attributes = _attributes(span.get("attributes"))
    service = resource.get("service.name")
    if service:
        attributes["service.name"] = service
    if scope:
        attributes["otel.scope.name"] = scope
    status = span.get("status") or {}
    if status.get("message"):
        attributes["otel.status_description"] = str(status["message"])
    is_db = "db.system.name" in attributes or "db.system" in attributes
    start = int(span.get("startTimeUnixNano") or 0)
    return Received(
        trace=_id(span["traceId"], 32),
        span=_id(span["spanId"], 16),
        parent=_id(span.get("parentSpanId") or "", 16),
        name=str(span.get("name") or "span"),
        kind="db" if is_db else _KINDS.get(span.get("kind"), "internal"),
        start_ns=start,
        end_ns=max(start, int(span.get("endTimeUnixNano") or 0)),
        status=_STATUS.get(status.get("code"), "unset"),
        attributes=attributes,
        notes=tuple(_note(event) for event in span.get("events") or ()),
    )


def _note(event: dict[str, Any]) -> Note:
    attributes = _attributes(event.get("attributes"))
    if "exception.stacktrace" in attributes:  # as text; ours is a list of places
        attributes["exception.stack"] = str(attributes.pop("exception.stacktrace")).splitlines()
    return Note(str(event.get("name") or "event"), int(event.get("timeUnixNano") or 0), attributes)


def _log(scope: str, record: dict[str, Any]) -> ReceivedLog:
    attributes = _attributes(record.get("attributes"))
    attributes["log.level"] = str(record.get("severityText") or record.get("severityNumber") or "")
    attributes["log.logger"] = scope
    attributes["log.message"] = str(_value(record.get("body") or {}))
    at_ns = int(record.get("timeUnixNano") or record.get("observedTimeUnixNano") or 0)
    trace, span = _id(record.get("traceId") or "", 32), _id(record.get("spanId") or "", 16)
    return ReceivedLog(trace, span, Note("log", at_ns, attributes))


def _id(text: str, length: int) -> str:
    """Return an id in lower case, empty if there is none."""
    if not text or not text.strip("0"):
        return ""
    if len(text) != length:
        raise ValueError(f"an id of {len(text)} digits")
    int(text, 16)
    return text.lower()


def _attributes(pairs: Any) -> Attributes:
    return {str(pair["key"]): _value(pair.get("value") or {}) for pair in pairs or ()}


def _value(value: dict[str, Any]) -> Any:  # noqa: PLR0911 - one line for each kind
    if "stringValue" in value:
        return str(value["stringValue"])
    if "boolValue" in value:
        return bool(value["boolValue"])
    if "intValue" in value:
        return int(value["intValue"])
    if "doubleValue" in value:
        return float(value["doubleValue"])
    if "arrayValue" in value:
        return [_value(item) for item in (value["arrayValue"] or {}).get("values") or ()]
    if "kvlistValue" in value:
        return json.dumps(_attributes((value["kvlistValue"] or {}).get("values")))
    return str(value.get("bytesValue", ""))
