"""The span tree of one test: stored and live, complete and broken."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from tests.tui import traces
from tests.tui.stage import START, Clock, ended, started
from tests.tui.traces import http, note, query, span

from enctest import events as ev
from enctest_tui import code
from enctest_tui.bars import Axis, round_up
from enctest_tui.span_details import describe
from enctest_tui.spanrows import Row, SpanRows
from enctest_tui.spans import Trace
from enctest_tui.sqltext import layout
from enctest_tui.wording import label


def live(*events: ev.SpanRecord, clock: Clock | None = None) -> Trace:
    trace = Trace(clock or Clock())
    trace.clear(1)
    tell(trace, *events)
    return trace


def tell(trace: Trace, *events: ev.SpanRecord) -> None:
    for event in events:
        if isinstance(event, ev.SpanStarted):
            trace.started(event)
        elif isinstance(event, ev.SpanEnded):
            trace.ended(event)
        else:
            trace.noted(event)


def loaded(*spans: ev.Span, is_live: bool = False) -> Trace:
    trace = Trace(Clock())
    trace.load(1, spans, live=is_live)
    return trace


def shown(trace: Trace) -> list[str]:
    rows = SpanRows(trace)
    rows.refresh()
    return [_line(row) for row in rows.rows]


def _line(row: Row) -> str:
    text = row.note.name if row.note is not None else label(row.span)
    group = f"{len(row.members)}x " if row.members else ""
    return "  " * row.depth + group + text


def text_of(lines: Sequence[Sequence[tuple[str, str]]]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_spans_show_the_moment_they_start_and_grow() -> None:
    clock = Clock()
    trace = live(started(1, None, "t", "test"), started(2, 1, "call", "phase", 1.0), clock=clock)
    assert shown(trace) == ["t", "  call"]
    clock.now_ns += 300_000_000
    assert trace.is_live
    assert trace.spans[2].duration_ms(trace.now_ns) == pytest.approx(299)
    tell(trace, ended(2, 310), ended(1, 311))
    assert not trace.is_live
    assert trace.bounds() == (START, START + 311_000_000)


def test_what_was_open_when_the_run_ended_stays_open_and_stops_growing() -> None:
    clock = Clock()
    trace = live(started(1, None, "t", "test"), started(2, 1, "hang"), clock=clock)
    clock.now_ns += 5_000_000
    trace.freeze()
    clock.now_ns += 900_000_000
    assert trace.spans[2].is_open
    assert not trace.is_live
    assert trace.spans[2].duration_ms(trace.now_ns) == pytest.approx(5)


def test_events_of_another_run_are_left_out() -> None:
    trace = live(started(1, None, "t", "test"))
    trace.started(
        ev.SpanStarted(run=2, test="a.py::test_a", span=9, parent=1, name="late", kind="db", start_ns=START)
    )
    assert set(trace.spans) == {1}


def test_stored_spans_come_in_any_order() -> None:
    trace = loaded(
        span(3, 2, "db", "query", 2, 3), span(2, 1, "phase", "call", 1, 4), span(1, None, "test", "t", 0, 5)
    )
    assert shown(trace) == ["t", "  call", "    query"]


def test_orphans_and_cycles_become_roots() -> None:
    trace = loaded(
        span(1, None, "test", "t", 0, 5),
        span(2, 77, "internal", "orphan", 1, 2),
        span(3, 4, "internal", "one", 2, 3),
        span(4, 3, "internal", "two", 2, 3),
        span(5, 5, "internal", "self", 3, 4),
    )
    assert sorted(node.name for node in trace.walk()) == ["one", "orphan", "self", "t", "two"]


def test_stored_open_spans_of_a_finished_run_do_not_grow_with_the_clock() -> None:
    trace = Trace(Clock(START + 10**15))
    trace.load(1, [span(1, None, "test", "t", 0, None), span(2, 1, "db", "q", 1, 7)], live=False)
    assert trace.bounds()[1] == START + 7_000_000


def test_equal_neighbours_are_one_row_that_unfolds() -> None:
    trace = loaded(*traces.history().spans)
    rows = SpanRows(trace)
    rows.refresh()
    group = next(row for row in rows.rows if row.members)
    assert len(group.members) == 12
    assert group.depth == 2
    before = len(rows.rows)
    assert rows.fold(group, open_=True)
    assert len(rows.rows) == before + 12
    rows.group(on_=False)
    assert not any(row.members for row in rows.rows)


def steps(count: int, *, fails: int = -1) -> list[ev.Span]:
    """Return a test with so many equal steps, each of a query and a computation."""
    spans = [span(1, None, "test", "t", 0, 10 * count)]
    for at in range(count):
        first, start = 2 + 3 * at, 10 * at
        status: ev.SpanStatus = "error" if at == fails else "ok"
        spans += [
            span(first, 1, "internal", "step", start, start + 8),
            query(first + 1, first, "SELECT 1 FROM x", start + 1, start + 2),
            span(first + 2, first, "internal", "price", start + 3, start + 4, status=status),
        ]
    return spans


def test_equal_subtrees_are_one_row_too() -> None:
    assert shown(loaded(*steps(4)))[1:3] == ["  step", "    SELECT x"]
    rows = SpanRows(loaded(*steps(6)))
    rows.refresh()
    assert [_line(row) for row in rows.rows] == ["t", "  6x step"]
    rows.fold(rows.rows[1], open_=True)
    assert [_line(row) for row in rows.rows[:5]] == [
        "t",
        "  6x step",
        "    step",
        "      SELECT x",
        "      price",
    ]
    assert len(rows.rows) == 2 + 6 * 3
    rows.fold(rows.rows[1], open_=False)
    assert len(rows.rows) == 2


def test_a_subtree_with_a_failure_stands_alone() -> None:
    assert shown(loaded(*steps(11, fails=5))) == [
        "t",
        "  5x step",
        "  step",
        "    SELECT x",
        "    price",
        "  5x step",
    ]


def test_what_is_deep_in_a_group_is_found() -> None:
    trace = loaded(*steps(8))
    rows = SpanRows(trace)
    rows.refresh()
    index = rows.reveal(trace.spans[12])
    assert index is not None
    assert rows.rows[index].span is trace.spans[12]


def test_a_filter_shows_what_it_leaves_of_equal_subtrees() -> None:
    trace = loaded(*steps(8))
    rows = SpanRows(trace)
    rows.show_only([node for node in trace.walk() if node.name == "price"])
    assert [_line(row) for row in rows.rows] == ["t", *["  step", "    price"] * 8]
    rows.show_only(None)
    assert [_line(row) for row in rows.rows] == ["t", "  8x step"]


def test_a_group_grows_and_ends_as_spans_come() -> None:
    trace = live(started(1, None, "t", "test"))
    rows = SpanRows(trace)
    for at in range(7):
        tell(trace, started(2 + 2 * at, 1, "step", ms=at), started(3 + 2 * at, 2 + 2 * at, "work", ms=at))
        rows.refresh()
        tell(trace, ended(3 + 2 * at, at + 0.5), ended(2 + 2 * at, at + 0.6))
        rows.refresh()
    assert [_line(row) for row in rows.rows] == ["t", "  7x step"]
    tell(trace, started(90, 8, "late", ms=9))
    rows.refresh()
    assert [_line(row) for row in rows.rows[1:]] == [
        *["  step", "    work"] * 4, "    late", *["  step", "    work"] * 3,
    ]  # fmt: skip


def test_rows_are_the_same_however_they_came_about() -> None:
    """What is kept from one listing to the next never shows anything that is not there any more."""
    chance = random.Random(11)  # noqa: S311 - nothing is secret
    trace = live(started(1, None, "t", "test"))
    rows = SpanRows(trace)
    unended, number, seen = [1], 1, 0
    for at in range(900):
        newest, depth, noise = trace.spans[unended[-1]], len(unended), chance.random() < 0.02
        is_full = len(newest.children) >= at // 150 % 2 or depth > 2
        if depth > 1 and (is_full or noise):
            tell(trace, ended(unended.pop(), at, "error" if chance.random() < 0.02 else "ok"))
        else:
            number += 1
            parent = chance.randrange(1, number) if noise else newest.id
            tell(trace, started(number, parent, "abc"[depth - 1], ms=at))
            unended.append(number)
        rows.refresh()
        if at % 15 == 0:
            assert [_line(row) for row in rows.rows] == shown(trace)
            seen += any(row.members and row.span.children for row in rows.rows)
    assert seen


def test_a_failed_span_is_never_hidden_in_a_group() -> None:
    queries = [query(2 + at, 1, "SELECT 1 FROM x", at, at + 0.5) for at in range(9)]
    queries[4] = span(6, 1, "db", "SELECT …", 4, 4.5, status="error", db__query__text="SELECT 1 FROM x")
    rows = SpanRows(loaded(span(1, None, "test", "t", 0, 9), *queries))
    rows.refresh()
    assert any(row.span.is_error and not row.members for row in rows.rows)


def test_what_happened_stands_between_the_children_where_it_happened() -> None:
    trace = loaded(
        span(1, None, "test", "t", 0, 9, note("log", 3), note("exception", 8)),
        span(2, 1, "internal", "before", 1, 2),
        span(3, 1, "internal", "after", 4, 5),
    )
    assert shown(trace) == ["t", "  before", "  log", "  after", "  exception"]


def test_revealing_opens_parents_and_groups() -> None:
    trace = loaded(*traces.history().spans)
    rows = SpanRows(trace)
    rows.fold_all(open_=False)
    index = rows.reveal(trace.spans[10])
    assert index is not None
    assert rows.rows[index].span is trace.spans[10]


def test_labels_say_what_a_span_did() -> None:
    trace = loaded(
        query(1, 0, "SELECT a\n  FROM orders", 0, 1),
        http(2, 0, "client", "POST", "http://host/orders", 201, 0, 1),
        http(3, 0, "server", "GET", "/orders/{id}", 404, 0, 1),
        span(4, None, "internal", "name", 0, 1, enctest__name="better name"),
    )
    labels = [label(trace.spans[at]) for at in (1, 2, 3, 4)]
    assert labels == ["SELECT orders", "POST host/orders 201", "GET /orders/{id} 404", "better name"]


def test_details_hold_everything_about_a_query() -> None:
    statement = "SELECT id, name FROM orders WHERE customer = %s AND note = 'a WHERE b' ORDER BY id"
    trace = loaded(
        query(1, 0, statement, 0, 2.5, "ada", code__file__path="shop/store.py", code__line__number=7)
    )
    rows = SpanRows(trace)
    rows.refresh()
    text = text_of(describe(rows.rows[0], trace))
    for line in (
        "FROM orders",
        "WHERE customer = 'ada'",
        "-- for display: arguments filled in",
        "  AND note = 'a WHERE b'",
        "at shop/store.py:7",
        "2.5 ms",
    ):
        assert line in text.split("\n") or line in text
    assert "db.query.parameters" in text
    assert "\nORDER BY id" in text


def test_details_of_an_exception_hold_its_stack() -> None:
    trace = loaded(*traces.bulk().spans)
    rows = SpanRows(trace)
    rows.refresh()
    row = next(row for row in rows.rows if row.note is not None and row.note.name == "exception")
    text = text_of(describe(row, trace))
    assert "AssertionError: 10 pieces at €8.00 must save €8.00" in text
    assert "tests/api/test_checkout.py:80" in text


def test_details_of_a_group_add_up_its_members() -> None:
    trace = loaded(*traces.history().spans)
    rows = SpanRows(trace)
    rows.refresh()
    group = next(row for row in rows.rows if row.members)
    assert "12 times, 12 ms in all; 1.0 ms to 1.0 ms each" in text_of(describe(group, trace))


def test_sql_written_over_several_lines_keeps_them() -> None:
    assert layout("\n    SELECT a\n      FROM b\n    ") == "SELECT a\nFROM b"
    assert layout("SELECT 1") == "SELECT 1"


def test_colouring_loses_no_text() -> None:
    source = 'def f(x):\n    """Doc\n    more."""\n    return "a\tb" + 1  # why\n\n'
    for language in ("python", "sql", "text", "no such language"):
        assert text_of(code.lines(source, language)) == source.expandtabs(4)


def bars(cells: int) -> Iterator[tuple[int, str]]:
    for start in range(0, 1000, 37):
        for length in (0, 1, 5, 40, 333, 2000):
            yield Axis(0, 1000, cells).bar(start, start + length)


@pytest.mark.parametrize("cells", [1, 2, 7, 40])
def test_bars_are_visible_and_stay_within_the_axis(cells: int) -> None:
    for first, blocks in bars(cells):
        assert blocks.strip()
        assert first >= 0
        assert first + len(blocks) <= cells


def test_bars_end_in_eighths() -> None:
    axis = Axis(0, 800, 10)
    assert axis.bar(0, 800) == (0, "██████████")
    assert axis.bar(0, 410) == (0, "█████▏")
    assert axis.bar(0, 490) == (0, "██████▏")
    assert axis.bar(40, 400) == (0, "▐████")


def test_a_growing_axis_changes_in_steps() -> None:
    lengths = [round_up(ms * 1_000_000) for ms in range(1, 1000)]
    assert all(length >= ms * 1_000_000 for ms, length in enumerate(lengths, 1))
    assert len(set(lengths)) < 40
