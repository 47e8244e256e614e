"""Two traces side by side: what came, what is missing, what is different, and where that began."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from enctest.events import Span, SpanKind, SpanNote, SpanStatus
from enctest.tracing.comparison import Comparison, Line, align, compare
from enctest.tracing.likeness import Key, differences, key, query_shape, stable
from enctest.tracing.model import Node, Trace

ITEM = "select * from item where id = {}"

Tree = tuple[dict[str, Any], list["Tree"]]


def span(name: str, *children: Tree, kind: SpanKind = "internal", **more: Any) -> Tree:
    return {"name": name, "kind": kind, **more}, list(children)


def query(text: str, **attributes: Any) -> Tree:
    return span("query", kind="db", attributes={"db.query.text": text, **attributes})


def failed(name: str, *children: Tree, message: str = "", **more: Any) -> Tree:
    notes = (SpanNote(name="exception", at_ns=0, attributes={"exception.message": message}),)
    return span(name, *children, status="error", events=notes if message else (), **more)


def traced(*children: Tree, status: SpanStatus = "ok") -> Trace:
    """Return the trace of a test with a call phase around `children`."""
    root = span("test", span("call", *children, kind="phase", status=status), kind="test", status=status)
    return Trace(_spans(root, None, itertools.count(1)))


def _spans(tree: Tree, parent: int | None, numbers: Iterator[int]) -> Iterator[Span]:
    about, children = tree
    number = next(numbers)
    fields = {"end_ns": 1_000_000 + number, "status": "ok", **about}
    yield Span(span=number, parent=parent, start_ns=number, **fields)
    for child in children:
        yield from _spans(child, number, numbers)


def compared(before: Trace, now: Trace) -> Comparison[Node]:
    assert before.root is not None
    assert now.root is not None
    return compare([before.root], [now.root])


def shown(comparison: Comparison[Node]) -> list[str]:
    """Return the lines that are not the same, but those that differ only below, as `state name`."""
    return [f"{line.state} {line.span.name}" for line in comparison.walk() if line.state != "same"]


def differing(line: Line[Node] | None) -> list[tuple[str, str, str]]:
    assert line is not None
    return [(each.name, each.before, each.now) for each in line.differences]


def test_equal_traces_are_the_same() -> None:
    trace = traced(span("price"), query("select 1"), span("pay", span("charge")))
    found = compared(trace, traced(span("price"), query("select 1"), span("pay", span("charge"))))
    assert shown(found) == []
    assert found.first is None
    assert found.counts == {"same": 6}


def test_what_came_and_what_is_missing_stand_where_they_belong() -> None:
    before = traced(span("a"), span("b"), span("c"))
    found = compared(before, traced(span("a"), span("x", span("y")), span("c")))
    assert [line.span.name for line in found.walk()] == ["test", "call", "a", "b", "x", "y", "c"]
    assert shown(found) == ["missing b", "added x", "added y"]
    assert found.first is not None
    assert found.first.span.name == "b"
    call = found.lines[0].children[0]
    assert call.differs
    assert call.state == "same"


def test_a_value_that_differs_is_where_it_began() -> None:
    before = traced(span("price", span("discount", attributes={"percent": 10})), span("order"))
    now = traced(
        span("price", span("discount", attributes={"percent": 0})),
        failed("order", message="total is 100"),
        status="error",
    )
    found = compared(before, now)
    assert found.first is not None
    assert found.first.span.name == "discount"
    assert differing(found.first) == [("percent", "10", "0")]


def test_a_failure_counts_where_it_happened_and_what_follows_was_not_reached() -> None:
    before = traced(span("order", span("stock"), span("charge"), span("mail")), span("receipt"))
    now = traced(failed("order", span("stock"), failed("charge", message="refused")), status="error")
    found = compared(before, now)
    assert shown(found) == ["changed charge", "unreached mail", "unreached receipt"]
    assert differing(found.first) == [("status", "ok", "failed"), ("said", "", "exception: refused")]


def test_what_is_missing_before_an_assertion_fails_is_missing() -> None:
    before = traced(span("a"), span("b"), span("c"))
    found = compared(before, traced(span("a"), span("c"), status="error"))
    assert shown(found) == ["missing b"]


def test_what_has_not_happened_yet_in_a_live_trace_was_not_reached() -> None:
    before = traced(span("a"), span("b", span("inner")), span("c"))
    now = traced(span("a"), span("b", end_ns=None))
    assert now.root is not None
    now.root.end_ns = now.root.children[0].end_ns = None
    assert shown(compared(before, now)) == ["unreached inner", "unreached c"]


def test_more_equal_queries_are_one_difference() -> None:
    before = traced(span("load", *(query(ITEM.format(n)) for n in range(3))))
    now = traced(span("load", *(query(ITEM.format(n)) for n in range(40))))
    found = compared(before, now)
    assert shown(found) == ["changed query"]
    assert found.first is not None
    assert (len(found.first.before), len(found.first.now)) == (3, 40)
    assert differing(found.first) == [("count", "3", "40")]


def test_one_of_many_equal_spans_that_differs_is_shown_alone() -> None:
    before = traced(*(query("select 1", **{"db.response.returned_rows": 1}) for _ in range(4)))
    now = traced(*(query("select 1", **{"db.response.returned_rows": n}) for n in (1, 1, 0, 1)))
    found = compared(before, now)
    assert [line.state for line in found.lines[0].children[0].children] == ["same", "same", "changed", "same"]


def steps(count: int, **last: Any) -> list[Tree]:
    """Return so many equal subtrees; attributes of the last one's query."""
    return [
        span(
            "step",
            query(ITEM.format(n)),
            span("price"),
            query("select 1", **(last if n == count - 1 else {})),
        )
        for n in range(count)
    ]


def test_more_equal_subtrees_are_one_difference_that_says_what_each_does() -> None:
    found = compared(traced(*steps(12)), traced(*steps(40)))
    (run,) = found.lines[0].children[0].children
    assert (run.state, differing(run)) == ("changed", [("count", "12", "40")])
    assert [line.state for line in run.children] == ["same"] * 3
    assert [(len(line.before), len(line.now)) for line in run.children] == [(12, 40)] * 3
    assert found.first is run


def test_neighbours_in_one_subtree_are_one_line_of_the_run() -> None:
    trace = traced(*(span("step", query("select 1"), query("select 1"), span("price")) for _ in range(5)))
    (run,) = compared(trace, trace).lines[0].children[0].children
    assert [(line.span.name, len(line.now)) for line in run.children] == [("query", 10), ("price", 5)]


def test_a_subtree_that_differs_within_is_no_part_of_the_run() -> None:
    rows = {"db.response.returned_rows": 1}
    found = compared(traced(*steps(9)), traced(*steps(9, **rows)))
    lines = found.lines[0].children[0].children
    assert [(line.span.name, len(line.now), line.differs) for line in lines] == [
        ("step", 8, False), ("step", 1, True),
    ]  # fmt: skip
    assert differing(found.first) == [("db.response.returned_rows", "", "1")]


def test_a_run_that_has_come_or_gone_is_one_line() -> None:
    found = compared(traced(span("a")), traced(span("a"), *steps(7)))
    assert shown(found) == ["added step", "added query", "added price", "added query"]
    assert [len(line.now) for line in found.walk() if line.span.name == "query"] == [7, 7]
    assert compared(traced(*steps(7)), traced()).counts["missing"] == 4


def test_a_failure_among_equal_siblings_is_never_part_of_a_run() -> None:
    broken = span("step", span("price", status="error"), status="error")
    before = traced(*(span("step", span("price")) for _ in range(6)))
    now = traced(*(span("step", span("price")) for _ in range(6)), broken)
    assert [len(line.now) for line in compared(before, now).lines[0].children[0].children] == [6, 1]
    alone = compared(
        traced(*(query("select 1") for _ in range(6))),
        traced(*(query("select 1") for _ in range(6)), failed("query", kind="db")),
    )
    assert "added query" in shown(alone)


def test_what_was_moved_is_neither_missing_nor_new() -> None:
    before = traced(span("a"), span("mail", span("render")), span("b", span("c")))
    found = compared(before, traced(span("a"), span("b", span("c"), span("mail", span("render")))))
    assert shown(found) == ["moved mail", "moved render"]
    assert found.first is not None
    assert found.first.span.name == "mail"


@pytest.mark.parametrize(
    ("name", "before", "now"),
    [
        ("db.namespace", "shop_w1", "shop_w2"),
        ("code.line.number", 3, 7),
        ("order.id", "5a1ee0a1-90c8-4b3c-a3b3-ff07ab7ddf3d", "00000000-90c8-4b3c-a3b3-ff07ab7ddf3d"),
        ("sku", "'68d073faf2-1', 'category_68d073faf2', 8", "'c06c7309fb-1', 'category_c06c7309fb', 8"),
        ("at", "2026-11-25 10:00:00.123456+00:00", "2026-11-26 11:22:33.5+00:00"),
        ("path", "/tmp/pytest-1/a", "/tmp/pytest-2/b"),  # noqa: S108 - nothing is written there
        ("url.full", "http://127.0.0.1:4711/orders", "http://127.0.0.1:4712/orders"),
    ],
)
def test_what_is_different_each_time_is_no_difference(name: str, before: object, now: object) -> None:
    one = traced(span("a", attributes={name: before}))
    assert shown(compared(one, traced(span("a", attributes={name: now})))) == []


def test_log_records_count_by_level_and_text() -> None:
    def logged(*texts: str) -> Trace:
        notes = tuple(
            SpanNote(name="log", at_ns=0, attributes={"log.level": "WARNING", "log.message": text})
            for text in texts
        )
        return traced(span("a", events=notes))

    found = compared(logged("sold out", "slow"), logged("slow", "no stock"))
    assert differing(found.first) == [("said", "WARNING sold out", ""), ("said", "", "WARNING no stock")]


def test_queries_are_equal_but_for_their_values() -> None:
    assert query_shape("select *\n from a where b = 'it''s' and c in (1, 2,3)") == query_shape(
        "SELECT * from a where b = '' and c in (4)".replace("SELECT", "select").replace("(4)", "(4, 5)")
    )
    assert query_shape("select a1 from t2 where x = $1") == "select a1 from t2 where x = $1"
    assert query_shape("insert into t values (%s, %s)") == query_shape("insert into t values (%s, %s, %s)")
    assert stable("took 12 ms, version2023beta, utf8mb4") == "took 12 ms, version2023beta, utf8mb4"


def test_requests_are_equal_by_method_and_route() -> None:
    def request(**attributes: Any) -> Node:
        trace = traced(span("GET", kind="client", attributes={"http.request.method": "GET", **attributes}))
        assert trace.root is not None
        return trace.root.children[0].children[0]

    one = request(**{"url.full": "http://x/orders/17?a=1"})
    other = request(**{"url.full": "http://x/orders/18?a=2"})
    assert key(one) == key(other)
    assert key(one) != key(request(**{"url.full": "http://x/customers/17"}))
    assert [each.name for each in differences(one, other)] == ["url.full"]


def test_alignments_are_complete_and_in_order() -> None:
    chance = random.Random(5)  # noqa: S311 - nothing is secret
    for length, kinds in itertools.product((0, 1, 7, 30, 400), (1, 3, 50)):
        old, new = (
            [_key(chance.randrange(kinds)) for _ in range(length + chance.randrange(4))] for _ in range(2)
        )
        pairs = list(align(old, new))
        assert [one for one, _ in pairs if one is not None] == list(range(len(old)))
        assert [other for _, other in pairs if other is not None] == list(range(len(new)))
        assert all(old[one] == new[other] for one, other in pairs if one is not None and other is not None)


def _key(number: int) -> Key:
    return "internal", str(number)


def test_one_change_among_very_many_siblings_is_one_difference() -> None:
    names = [f"step {n % 700}" for n in range(3000)]
    now = [*names[:1000], "new", *names[1001:2000], *names[2001:]]
    found = compared(traced(*map(span, names)), traced(*map(span, now)))
    assert found.counts["added"] == 1
    assert found.counts["missing"] == 2


def test_a_very_deep_trace_is_compared_without_recursion() -> None:
    deep: Tree = span("bottom")
    for _ in range(400):
        deep = span("level", deep)
    assert compared(traced(deep), traced(deep)).counts == {"same": 403}


def test_a_shared_fixture_that_another_test_has_set_up_is_no_difference() -> None:
    def tops(*names: str, status: SpanStatus = "ok") -> list[Node]:
        spans = [Span(span=1, parent=None, name="test_a", kind="test", start_ns=0, end_ns=9)]
        shared = {"pytest.fixture.shared": True}
        for number, name in enumerate(names, 2):
            spans.append(
                Span(
                    span=number, parent=None, name=name, kind="fixture", start_ns=number, end_ns=9,
                    attributes=shared, status=status,
                )
            )  # fmt: skip
        return Trace(spans).tops()

    assert compare(tops("db", "app"), tops("app")).first is None
    assert compare(tops(), tops("db")).first is None
    failed = compare(tops(), tops("db", status="error")).first
    assert failed is not None
    assert (failed.state, failed.span.name) == ("added", "db")


def of_test(name: str, *children: Tree) -> Trace:
    """Return the trace of the test `name` of a file that is called so, too."""
    about = {
        "pytest.nodeid": f"{name}.py::{name}",
        "code.file.path": f"{name}.py",
        "code.function.name": f"{name}.{name}",
        "pytest.markers": [name],
    }
    return Trace(_spans(span("test", *children, kind="test", attributes=about), None, itertools.count(1)))


def test_two_tests_part_where_they_do_something_else_not_at_their_names() -> None:
    def lines(name: str, *more: Tree) -> Trace:
        asked = {"code.file.path": f"{name}.py", "code.function.name": f"{name}.{name}"}
        return of_test(name, query("select 1", **asked), span("pay", *more))

    found = compared(lines("test_a"), lines("test_b", query("select 2")))
    assert shown(found) == ["added query"]
    assert found.first is not None
    assert found.first.state == "added"
    assert compared(lines("test_a"), lines("test_b")).first is None


def test_of_two_tests_other_code_is_told_and_of_one_also_its_markers() -> None:
    def asking(name: str, function: str) -> Trace:
        return of_test(name, query("select 1", **{"code.function.name": function}))

    found = compared(asking("test_a", "shop.one"), asking("test_b", "shop.two"))
    assert shown(found) == ["changed query"]
    before, now = of_test("test_a"), of_test("test_a")
    assert now.root is not None
    now.root.attributes["pytest.markers"] = ["slow"]
    assert shown(compared(before, now)) == ["changed test"]
