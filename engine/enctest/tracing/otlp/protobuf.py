"""OTLP's protobuf form to and from its JSON form, by a table: no library is needed where tests run.

The JSON form is what `opentelemetry.proto` specifies: camelCase names, ids in hexadecimal, 64-bit numbers as
strings. Fields that are not in the table are left out both ways.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

_DEPTH: Final = 32
"""Messages within each other that are read."""

Kind = Literal["text", "id", "bytes", "fixed64", "fixed32", "int64", "number", "bool", "double", "message"]


class MalformedError(ValueError):
    """What came is no message of this kind."""


class Field(NamedTuple):
    """A field: name in JSON, kind, whether it may come often, and the message that it is."""

    name: str
    kind: Kind
    many: bool = False
    message: str = ""


def _f(name: str, kind: Kind) -> Field:
    return Field(name, kind)


def _m(name: str, message: str) -> Field:
    return Field(name, "message", many=False, message=message)


def _all(name: str, message: str) -> Field:
    return Field(name, "message", many=True, message=message)


MESSAGES: Final[dict[str, dict[int, Field]]] = {
    "Traces": {1: _all("resourceSpans", "ResourceSpans")},
    "ResourceSpans": {1: _m("resource", "Resource"), 2: _all("scopeSpans", "ScopeSpans")},
    "ScopeSpans": {1: _m("scope", "Scope"), 2: _all("spans", "Span"), 3: _f("schemaUrl", "text")},
    "Logs": {1: _all("resourceLogs", "ResourceLogs")},
    "ResourceLogs": {1: _m("resource", "Resource"), 2: _all("scopeLogs", "ScopeLogs")},
    "ScopeLogs": {1: _m("scope", "Scope"), 2: _all("logRecords", "LogRecord")},
    "Resource": {1: _all("attributes", "KeyValue")},
    "Scope": {1: _f("name", "text"), 2: _f("version", "text"), 3: _all("attributes", "KeyValue")},
    "Span": {
        1: _f("traceId", "id"),
        2: _f("spanId", "id"),
        3: _f("traceState", "text"),
        4: _f("parentSpanId", "id"),
        5: _f("name", "text"),
        6: _f("kind", "number"),
        7: _f("startTimeUnixNano", "fixed64"),
        8: _f("endTimeUnixNano", "fixed64"),
        9: _all("attributes", "KeyValue"),
        10: _f("droppedAttributesCount", "number"),
        11: _all("events", "Event"),
        12: _f("droppedEventsCount", "number"),
        13: _all("links", "Link"),
        15: _m("status", "Status"),
        16: _f("flags", "fixed32"),
    },
    "Event": {
        1: _f("timeUnixNano", "fixed64"),
        2: _f("name", "text"),
        3: _all("attributes", "KeyValue"),
    },
    "Link": {1: _f("traceId", "id"), 2: _f("spanId", "id"), 4: _all("attributes", "KeyValue")},
    "Status": {2: _f("message", "text"), 3: _f("code", "number")},
    "LogRecord": {
        1: _f("timeUnixNano", "fixed64"),
        2: _f("severityNumber", "number"),
        3: _f("severityText", "text"),
        5: _m("body", "AnyValue"),
        6: _all("attributes", "KeyValue"),
        9: _f("traceId", "id"),
        10: _f("spanId", "id"),
        11: _f("observedTimeUnixNano", "fixed64"),
        12: _f("eventName", "text"),
    },
    "KeyValue": {1: _f("key", "text"), 2: _m("value", "AnyValue")},
    "AnyValue": {
        1: _f("stringValue", "text"),
        2: _f("boolValue", "bool"),
        3: _f("intValue", "int64"),
        4: _f("doubleValue", "double"),
        5: _m("arrayValue", "ArrayValue"),
        6: _m("kvlistValue", "KeyValueList"),
        7: _f("bytesValue", "bytes"),
    },
    "ArrayValue": {1: _all("values", "AnyValue")},
    "KeyValueList": {1: _all("values", "KeyValue")},
}

_VARINT, _EIGHT, _COUNTED, _FOUR = 0, 1, 2, 5
_WIRE: Final[dict[Kind, int]] = {
    "text": _COUNTED,
    "id": _COUNTED,
    "bytes": _COUNTED,
    "message": _COUNTED,
    "fixed64": _EIGHT,
    "double": _EIGHT,
    "fixed32": _FOUR,
    "int64": _VARINT,
    "number": _VARINT,
    "bool": _VARINT,
}
_SIGN: Final = 1 << 63


# --- reading -------------------------------------------------------------------------------------------


def decode(data: bytes, message: str) -> dict[str, Any]:
    """Return the JSON form of a message.

    Raises:
        MalformedError: It is none.
    """
    try:
        return _read(memoryview(data), message, _DEPTH)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise MalformedError(f"not a {message}: {error}") from error


def _read(data: memoryview, message: str, depth: int) -> dict[str, Any]:
    if depth == 0:
        raise MalformedError("messages are nested too deeply")
    fields = MESSAGES[message]
    found: dict[str, Any] = {}
    for number, wire, value in _parts(data):
        field = fields.get(number)
        if field is None or _WIRE[field.kind] != wire:
            continue
        read = _read(value, field.message, depth - 1) if field.kind == "message" else _plain(field, value)
        if field.many:
            found.setdefault(field.name, []).append(read)
        else:
            found[field.name] = read
    return found


def _parts(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and raw value of each field."""
    place, size = 0, len(data)
    while place < size:
        key, place = _varint(data, place)
        wire = key & 7
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield key >> 3, wire, value
            continue
        if wire == _COUNTED:
            length, place = _varint(data, place)
        elif wire in (_EIGHT, _FOUR):
            length = 8 if wire == _EIGHT else 4
        else:
            raise MalformedError(f"there is no wire type {wire}")
        if place + length > size:
            raise MalformedError("a field is cut off")
        yield key >> 3, wire, data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
            return value & (2 * _SIGN - 1), place
        shift += 7
        if shift > 63:  # noqa: PLR2004 - ten bytes at most
            raise MalformedError("a number is too long")


def _plain(field: Field, value: Any) -> Any:  # noqa: PLR0911 - one line for each kind
    match field.kind:
        case "text":
            return bytes(value).decode("utf-8")
        case "id":
            return bytes(value).hex()
        case "bytes":
            return base64.b64encode(value).decode()
        case "fixed64":
            return str(struct.unpack("<Q", value)[0])
        case "fixed32":
            return struct.unpack("<I", value)[0]
        case "double":
            return struct.unpack("<d", value)[0]
        case "int64":
            return str(value - 2 * _SIGN if value >= _SIGN else value)
        case "bool":
            return bool(value)
        case _:
            return value


# --- writing -------------------------------------------------------------------------------------------


def encode(value: dict[str, Any], message: str) -> bytes:
    """Return a message's protobuf form.

    Raises:
        MalformedError: A value is not of its field's kind.
    """
    try:
        return _write(value, message)
    except (TypeError, ValueError, KeyError, struct.error, binascii.Error) as error:
        raise MalformedError(f"not a {message}: {error}") from error


def _write(value: dict[str, Any], message: str) -> bytes:
    parts: list[bytes] = []
    for number, field in MESSAGES[message].items():
        if field.name not in value:
            continue
        given = value[field.name]
        for one in given if field.many else (given,):
            data = _write(one, field.message) if field.kind == "message" else _packed(field.kind, one)
            parts.append(_number(number << 3 | _WIRE[field.kind]))
            if _WIRE[field.kind] == _COUNTED:
                parts.append(_number(len(data)))
            parts.append(data)
    return b"".join(parts)


def _packed(kind: Kind, value: Any) -> bytes:  # noqa: PLR0911 - one line for each kind
    match kind:
        case "text":
            return str(value).encode("utf-8", "replace")
        case "id":
            return bytes.fromhex(value)
        case "bytes":
            return base64.b64decode(value)
        case "fixed64":
            return struct.pack("<Q", int(value))
        case "fixed32":
            return struct.pack("<I", int(value))
        case "double":
            return struct.pack("<d", float(value))
        case _:
            return _number(int(value) & (2 * _SIGN - 1))


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
