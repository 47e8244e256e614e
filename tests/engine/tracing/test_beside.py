"""Times where something was done beside a test meanwhile."""

from __future__ import annotations

import pytest

from enctest.events import Attributes, Span
from enctest.tracing.comparison import compare
from enctest.tracing.critical_path import steps
from enctest.tracing.intervals import covered_ns
from enctest.tracing.model import CAUSE, Trace, is_beside
from enctest.tracing.own_time import ELSEWHERE
from enctest.tracing.statistics import statistics
from enctest.tracing.text import render


def span(number: int, parent: int | None, start: int, end: int, **attributes: object) -> Span:
    found: Attributes = {key.replace("_", "."): value for key, value in attributes.items()}
    return Span(
        span=number,
        parent=parent,
        name=f"span {number}",
        kind="test" if number == 1 else "internal",
        start_ns=start,
        end_ns=end,
        attributes=found,
    )


def trace(*, begun: bool) -> Trace:
    """A test of 100 ns: a call of 80, in which 50 were a start beside it, and 10 a query."""
    away: Attributes = {ELSEWHERE: 50} if begun else {}
    stored = [span(1, None, 0, 100), span(2, 1, 10, 90), span(3, 2, 75, 85)]
    for one in stored[:2]:
        one.attributes.update(away)
    if begun:
        beside = span(4, None, 20, 70)
        beside.attributes[CAUSE] = 2
        stored.append(beside)
    return Trace(stored)


@pytest.mark.parametrize(
    ("intervals", "covered"),
    [([], 0), ([(1, 4)], 3), ([(1, 4), (2, 3)], 3), ([(5, 9), (1, 6)], 8), ([(1, 2), (4, 6)], 3)],
)
def test_each_moment_counts_once(intervals: list[tuple[int, int]], covered: int) -> None:
    assert covered_ns(intervals) == covered


def test_what_was_beside_is_in_no_duration() -> None:
    nodes = trace(begun=True).nodes
    assert [nodes[number].duration_ns() for number in (1, 2, 3, 4)] == [50, 30, 10, 50]
    assert [nodes[number].self_ns() for number in (1, 2, 3, 4)] == [20, 20, 10, 50]
    plain = trace(begun=False).nodes
    assert [plain[number].duration_ns() for number in (1, 2, 3)] == [100, 80, 10]
    assert [plain[number].self_ns() for number in (1, 2, 3)] == [20, 70, 10]


def test_nor_in_times_by_operation_and_on_the_critical_path() -> None:
    first = trace(begun=True)
    assert first.root is not None
    operations = {each.name: (each.total, each.own) for each in statistics([first.root], 100)}
    assert operations == {"span 1": (50, 20), "span 2": (30, 20), "span 3": (10, 10)}
    path = {step.span.name: step.own for step in steps(first.root, 100)}
    assert path == {"span 1": 20, "span 2": 20, "span 3": 10}
    assert sum(path.values()) == first.root.duration_ns()


def test_it_is_shown_as_such_and_is_no_difference() -> None:
    first, later = trace(begun=True), trace(begun=False)
    assert [is_beside(node) for node in first.tops()] == [False, True]
    assert render(first)[-1] == "span 4  [internal]  0 µs  not counted"
    assert compare(first.tops(), later.tops()).first is None
