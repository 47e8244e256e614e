"""What can be said to find spans."""

from __future__ import annotations

import pytest
from tests.tui import traces
from tests.tui.stage import Clock
from tests.tui.traces import note, query, span

from enctest.errors import EnctestError
from enctest_tui.finding import Finder
from enctest_tui.selftime import OwnTime
from enctest_tui.spanquery import Known
from enctest_tui.spans import Trace

SPANS = (
    span(1, None, "test", "t", 0, 100, status="error"),
    span(2, 1, "fixture", "database", 0, 20),
    query(3, 1, "SELECT id FROM order_lines", 20, 21, 7),
    query(4, 1, "UPDATE orders SET id = 1", 21, 29),
    span(5, 1, "client", "GET", 30, 90, http__request__method="GET", url__full="http://bank/cards"),
    span(6, 5, "server", "GET", 31, 89.8, note("log", 50, log__message="Card refused"), status="error"),
    span(7, 1, "internal", "still going", 91, None),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("orders", [4]),
        ("ORDER", [3, 4]),
        ('"from order_lines"', [3]),
        ("kind:sql", [3, 4]),
        ("kind:http", [5, 6]),
        ("kind:server,fixture", [2, 6]),
        ("kind:sql >5ms", [4]),
        (">50ms", [1, 5, 6]),
        ("<=1ms", [3]),
        (">=8", [1, 2, 4, 5, 6, 7]),
        (">0.05s kind:http", [5, 6]),
        ("own<500us kind:client", []),
        ("own<=1500us kind:client", [5]),
        ("error", [1, 6]),
        ("failed kind:server", [6]),
        ('"error"', []),
        ("status:error", [1, 6]),
        ("status:ok kind:sql", [3, 4]),
        ("open", [7]),
        ("slow", [2, 6]),
        ("status:open,error", [1, 6, 7]),
        ("-kind:sql -error -open", [2, 5]),
        ('kind:sql -"update orders"', [3]),
        ("db.namespace=shop", [3, 4]),
        ("refused", [6]),
        ("http://bank", [5]),
        ("kind:sql error", []),
    ],
)
def test_spans_are_found_by_words_kind_status_and_duration(text: str, expected: list[int]) -> None:
    trace = Trace(Clock())
    trace.load(1, SPANS, live=False)
    finder = Finder(Known(trace, OwnTime(trace)))
    finder.look_for(text)
    assert [found.id for found in finder.found()] == expected


@pytest.mark.parametrize(
    ("text", "title", "hint"),
    [
        ("kind:sqql", "no kind is called 'sqql'", "Did you mean sql?"),
        ("kind:xyz", "no kind is called 'xyz'", "sql, http"),
        ("status:eror", "no status is called 'eror'", "Did you mean error?"),
        ("knd:sql", "nothing is called knd:", "Did you mean kind:"),
        (">", "> what?", ">5ms"),
        (">5kb", "'5kb' is no duration", ">5ms"),
        ("own>=x", "'x' is no duration", ">=5ms"),
        ('a "b', "a quotation mark is not closed", "order lines"),
    ],
)
def test_mistakes_are_told_and_the_last_search_stays(text: str, title: str, hint: str) -> None:
    trace = Trace(Clock())
    trace.load(1, SPANS, live=False)
    finder = Finder(Known(trace, OwnTime(trace)))
    finder.look_for("orders")
    with pytest.raises(EnctestError) as error:
        finder.look_for(text)
    assert title in error.value.title
    assert hint in error.value.hint
    assert [found.id for found in finder.found()] == [4]


def test_texts_that_were_read_before_anybody_asked_are_found_like_others() -> None:
    trace = Trace(Clock())
    trace.load(1, SPANS, live=False)
    known = Known(trace, OwnTime(trace))
    finder = Finder(known)
    while known.read_some(2):
        pass
    finder.look_for("db.namespace=shop")
    assert [found.id for found in finder.found()] == [3, 4]
    trace.load(2, traces.history().spans, live=False)
    assert known.read_some(5)
    expected = [span.id for span in trace.walk() if span.attributes.get("db.namespace") == "shop"]
    assert expected
    assert [found.id for found in finder.found()] == expected


def test_spans_that_do_the_same_are_alike_whatever_their_arguments() -> None:
    trace = Trace(Clock())
    trace.load(1, traces.history().spans, live=False)
    finder = Finder(Known(trace, OwnTime(trace)))
    assert [found.id for found in finder.like(trace.spans[9])] == list(range(6, 18))


def test_the_next_one_goes_round_in_the_order_of_the_waterfall() -> None:
    trace = Trace(Clock())
    trace.load(1, SPANS, live=False)
    finder = Finder(Known(trace, OwnTime(trace)))
    spans = [trace.spans[at] for at in (3, 5, 6)]
    assert [finder.place(spans, trace.spans[5], step) for step in (-1, 0, 1)] == [0, 1, 2]
    assert finder.place(spans, trace.spans[7], 1) == 0
    assert finder.place(spans, trace.spans[2], -1) == 2
    assert finder.place(spans, None, 0) == 0
