"""The tree that records fold into."""

from __future__ import annotations

from enctest.events import SpanEnded, SpanEvent, SpanKind, SpanRecord, SpanStarted
from enctest.tracing.model import OPEN, Trace, fold
from enctest.tracing.text import duration, render

MS = 1_000_000


def start(span: int, parent: int | None, at: int, name: str = "", kind: SpanKind = "internal") -> SpanStarted:
    return SpanStarted(
        run=1, test="t", span=span, parent=parent, name=name or f"s{span}", kind=kind, start_ns=at * MS
    )


def end(span: int, at: int, **attributes: object) -> SpanEnded:
    return SpanEnded(
        run=1, test="t", span=span, status="ok", duration_ms=0, end_ns=at * MS, attributes=dict(attributes)
    )


def log(span: int, at: int, message: str) -> SpanEvent:
    attributes = {"log.level": "INFO", "log.logger": "shop", "log.message": message}
    return SpanEvent(run=1, test="t", span=span, name="log", at_ns=at * MS, attributes=attributes)


RECORDS: list[SpanRecord] = [
    start(1, None, 0, "test_a", "test"),
    start(2, 1, 1, "call", "phase"),
    start(3, 2, 2),
    log(3, 3, "hello\nthere"),
    end(3, 6, n=1),
    start(4, 2, 4),
    end(4, 8),
]


def test_rows_are_depth_first() -> None:
    trace = fold(RECORDS)["t"]
    assert [(depth, node.name) for depth, node in trace.rows()] == [
        (0, "test_a"),
        (1, "call"),
        (2, "s3"),
        (2, "s4"),
    ]
    assert len(trace) == 4


def test_self_time_leaves_out_what_children_cover_once() -> None:
    trace = fold([*RECORDS, end(2, 11)])["t"]
    call = trace.nodes[2]
    assert call.duration_ns() == 10 * MS
    assert call.self_ns() == 4 * MS  # the children overlap: 2..8 is covered


def test_an_open_span_lasts_until_now_or_its_last_known_time() -> None:
    trace = fold(RECORDS)["t"]
    assert trace.nodes[2].duration_ns(now_ns=21 * MS) == 20 * MS
    assert trace.nodes[2].duration_ns() == 7 * MS
    assert [node.span for node in trace.open_nodes()] == [1, 2]


def test_closing_marks_what_was_open() -> None:
    trace = fold(RECORDS)["t"]
    trace.close(9 * MS)
    assert not trace.open_nodes()
    assert trace.nodes[2].end_ns == 9 * MS
    assert trace.nodes[2].attributes[OPEN] is True
    assert trace.nodes[2].is_open
    assert not trace.nodes[3].is_open


def test_stored_and_live_records_merge() -> None:
    stored = fold(RECORDS[:5])["t"].freeze()
    trace = Trace(stored)
    for record in [*RECORDS[1:], end(2, 11)]:
        trace.apply(record)
    assert trace.freeze() == fold([*RECORDS, end(2, 11)])["t"].freeze()
    assert len(trace.nodes[3].events) == 1


def test_records_of_an_unknown_span_change_nothing() -> None:
    trace = Trace()
    assert trace.apply(end(5, 1)) is None
    assert not len(trace)


def test_children_may_come_before_their_parent_and_cycles_break() -> None:
    trace = Trace()
    for record in [start(3, 2, 5), start(2, 1, 4), start(1, None, 0), start(8, 9, 6), start(9, 8, 7)]:
        trace.apply(record)
    assert [(depth, node.span) for depth, node in trace.rows()] == [(0, 1), (1, 2), (2, 3), (0, 9), (1, 8)]


def test_a_name_that_came_late_replaces_the_first() -> None:
    trace = fold([*RECORDS, end(2, 9, **{"enctest.name": "better"})])["t"]
    assert trace.nodes[2].name == "better"


def test_text() -> None:
    assert render(fold(RECORDS)["t"]) == [
        "test_a  [test]  8.0 ms  still open",
        "  call  [phase]  7.0 ms  still open",
        "    s3  [internal]  4.0 ms  ok",
        "      · INFO shop: hello…",
        "    s4  [internal]  4.0 ms  ok",
    ]
    assert [duration(ns) for ns in (350_000, 12_340_000, 4_500_000_000)] == ["350 µs", "12.3 ms", "4.50 s"]
