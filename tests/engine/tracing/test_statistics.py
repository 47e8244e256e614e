"""Statistics by operation, and the critical path, also with children side by side."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from enctest.events import Span, SpanKind
from enctest.tracing.critical_path import sections, steps
from enctest.tracing.model import Node, Trace
from enctest.tracing.statistics import statistics

Row = tuple[int, int | None, str, int, int | None]
"""Number, parent, name, start, end."""


def traced(*rows: Row, kind: SpanKind = "internal") -> Trace:
    return Trace(
        Span(span=number, parent=parent, name=name, kind=kind, start_ns=start, end_ns=end)
        for number, parent, name, start, end in rows
    )


def path(trace: Trace, now_ns: int = 0) -> list[tuple[str, int, int]]:
    assert trace.root is not None
    return [(part.span.name, part.start_ns, part.end_ns) for part in sections(trace.root, now_ns)]


def test_one_after_the_other_the_path_is_everybodys_own_time() -> None:
    trace = traced((1, None, "test", 0, 100), (2, 1, "a", 10, 40), (3, 1, "b", 40, 90), (4, 2, "c", 20, 30))
    assert path(trace) == [
        ("test", 0, 10),
        ("a", 10, 20),
        ("c", 20, 30),
        ("a", 30, 40),
        ("b", 40, 90),
        ("test", 90, 100),
    ]


def test_side_by_side_the_one_that_ended_last_counts() -> None:
    trace = traced((1, None, "test", 0, 100), (2, 1, "quick", 10, 50), (3, 1, "long", 10, 80))
    assert path(trace) == [("test", 0, 10), ("long", 10, 80), ("test", 80, 100)]


def test_what_ended_before_the_longest_began_is_on_the_path() -> None:
    trace = traced(
        (1, None, "test", 0, 100), (2, 1, "first", 0, 30), (3, 1, "x", 20, 60), (4, 1, "y", 30, 100)
    )
    assert path(trace) == [("first", 0, 30), ("y", 30, 100)]


def test_a_child_that_outlives_its_parent_counts_until_that_ends() -> None:
    trace = traced(
        (1, None, "test", 0, 100), (2, 1, "a", 10, 50), (3, 2, "thread", 20, 200), (4, 3, "q", 30, 90)
    )
    assert path(trace) == [
        ("test", 0, 10),
        ("a", 10, 20),
        ("thread", 20, 30),
        ("q", 30, 50),
        ("test", 50, 100),
    ]


def test_what_is_open_ends_now() -> None:
    trace = traced((1, None, "test", 0, None), (2, 1, "a", 10, 40), (3, 1, "b", 50, None))
    assert path(trace, 70) == [("test", 0, 10), ("a", 10, 40), ("test", 40, 50), ("b", 50, 70)]


def test_steps_come_as_the_tree_does_each_with_all_its_time() -> None:
    trace = traced((1, None, "test", 0, 100), (2, 1, "a", 10, 40), (3, 1, "b", 40, 90), (4, 2, "c", 20, 30))
    assert trace.root is not None
    found = [(step.span.name, step.depth, step.own) for step in steps(trace.root, 0)]
    assert found == [("test", 0, 20), ("a", 1, 20), ("c", 2, 10), ("b", 1, 50)]


def _random(chance: random.Random) -> Iterator[Row]:
    yield 1, None, "test", 0, 1000
    spans = [(0, 1000)]
    for number in range(2, 40):
        parent = chance.randrange(len(spans))
        low, high = spans[parent]
        start = chance.randint(low - 20, high)
        end = chance.randint(start, high + 50)
        spans.append((start, end))
        yield number, parent + 1, "x", start, end


@pytest.mark.parametrize("seed", range(30))
def test_sections_add_up_to_the_test_whatever_overlaps(seed: int) -> None:
    found = path(traced(*_random(random.Random(seed))))  # noqa: S311 - nothing is secret
    assert found[0][1] == 0
    assert found[-1][2] == 1000
    assert all(one[2] == other[1] for one, other in pairwise(found))
    assert all(start < end for _, start, end in found)


def test_a_very_deep_trace_has_a_path() -> None:
    rows: list[Row] = [(n, n - 1 if n > 1 else None, "x", n, 20_000 - n) for n in range(1, 5_000)]
    assert len(path(traced(*rows))) == 2 * 4_999 - 1


def shown(trace: Trace, now_ns: int = 0) -> list[tuple[str, int, int, int, int, int]]:
    return [
        (one.name, one.count, one.total, one.own, one.typical, one.longest)
        for one in statistics(trace.tops(), now_ns)
    ]


def test_operations_are_counted_and_summed_most_own_time_first() -> None:
    trace = traced(
        (1, None, "test", 0, 100),
        (2, 1, "load", 0, 60),
        (3, 2, "ask", 0, 10),
        (4, 2, "ask", 20, 50),
        (5, 1, "ask", 60, 70),
    )
    assert shown(trace) == [
        ("ask", 3, 50, 50, 10, 30),
        ("test", 1, 100, 30, 100, 100),
        ("load", 1, 60, 20, 60, 60),
    ]


def test_children_side_by_side_leave_their_parent_what_neither_covers() -> None:
    trace = traced((1, None, "test", 0, 100), (2, 1, "a", 10, 60), (3, 1, "b", 40, 120))
    own = {name: time for name, _, _, time, _, _ in shown(trace)}
    assert own == {"test": 10, "a": 50, "b": 80}


def test_queries_that_differ_in_values_only_are_one_operation() -> None:
    trace = traced(
        (1, None, "query", 0, 10), (2, None, "query", 10, 30), (3, None, "query", 30, 60), kind="db"
    )
    for number, text in ((1, "select 1 from a"), (2, "select 2 from a"), (3, "select 1 from b")):
        trace.nodes[number].attributes = {"db.query.text": text}
    operations = statistics(trace.tops(), 0)
    assert [(one.count, one.total) for one in operations] == [(2, 30), (1, 30)]
    assert sum(one.share for one in operations) == pytest.approx(1.0)


def test_nothing_comes_of_nothing() -> None:
    assert statistics(list[Node](), 0) == []
