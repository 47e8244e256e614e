from __future__ import annotations

from pathlib import Path

import pytest

from enctest import events
from enctest.errors import EnctestError
from enctest.wire import LIMIT, Unpacker, pack


def unpack(data: bytes, chunk: int = 7) -> list[events.WorkerEvent]:
    unpacker: Unpacker[events.WorkerEvent] = Unpacker(events.WorkerEvent)
    found: list[events.WorkerEvent] = []
    for start in range(0, len(data), chunk):
        found += unpacker.feed(data[start : start + chunk])
    return found


def test_records_survive_the_wire_in_any_chunks() -> None:
    records = [
        events.TestStarted(run=1, test="tests/test_a.py::test_x[a::b]"),
        events.SpanStarted(run=1, test="t", span=1, parent=None, name="n", kind="test", start_ns=5),
        events.RunFinished(run=1, counts={"passed": 3}, duration_ms=1.5),
    ]
    for chunk in (1, 3, 4096):
        assert unpack(pack(records[:2]) + pack(records[2:]), chunk) == records


def test_what_msgpack_cannot_say_arrives_as_text() -> None:
    attributes = {"big": 2**70, "surrogate": "a\udc80b", "path": Path("x"), "nested": [{"x": 2**64}]}
    (event,) = unpack(
        pack([events.SpanEvent(run=1, test="t", span=1, name="log", at_ns=1, attributes=attributes)])
    )
    assert isinstance(event, events.SpanEvent)
    assert event.attributes["big"] == str(2**70)
    assert event.attributes["surrogate"] == "a\\udc80b"
    assert event.attributes["path"] == "PosixPath('x')"
    assert event.attributes["nested"] == [{"x": str(2**64)}]


@pytest.mark.parametrize(
    "data",
    [
        (LIMIT + 1).to_bytes(4, "big") + b"x",
        (3).to_bytes(4, "big") + b"\x91\xa1x",
        pack([{"type": "nonsense"}]),
    ],
    ids=["too long", "not records", "unknown record"],
)
def test_a_broken_stream_is_an_error_not_a_crash(data: bytes) -> None:
    with pytest.raises(EnctestError):
        unpack(data, 4096)
