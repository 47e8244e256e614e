"""Findings by time, history and plans; ranking and silencing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engine.tracing.made import SELECT, Project, Tree, at, get, query, served, span, traced

from enctest.config import FindingSettings
from enctest.events import Outcome, Recent, SpanKind
from enctest.tracing.figures import figures
from enctest.tracing.findings.finder import Finder
from enctest.tracing.findings.indexes import candidates, filtered_by, numbered
from enctest.tracing.model import CONNECT, Trace


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


# --- time and history -----------------------------------------------------------------------------------


def test_time_that_nothing_covers(project: Project) -> None:
    (found,) = project.find(span("wait for the bank", ms=1500), query(SELECT, 1, ms=200))
    assert found.kind == "uncovered-time"
    assert "1.50 s in wait for the bank" in found.why
    assert found.spans == (3,)
    assert project.find(span("wait", ms=900)) == []
    assert project.find(span("compute", ms=1500), query(SELECT, 1, ms=2000)) == []
    assert project.find(span("make", ms=1500, attributes={"process.executable.name": "make"})) == []


def runs(*durations: float, alike: str = "warm") -> list[Recent]:
    return [Recent(number, "passed", ms, alike) for number, ms in enumerate(durations, 1)]


def test_slower_than_all_of_the_last_passes(project: Project) -> None:
    before, now = traced(query(SELECT, 1)), traced(query(SELECT, 1, ms=60))
    (found,) = project.find(trace=now, recent=runs(10, 11, 12, 30, 10, 61, 62), base=before)
    assert (found.kind, found.title) == ("slow", "2.1x as slow as the slowest of 5 passes before")
    assert "62.0 ms against at most 30.0 ms; most of it: SELECT * 59.0 ms more." in found.why
    assert found.spans == (3,)


@pytest.mark.parametrize(
    "recent",
    [
        runs(10, 10, 10, 10, 61, 62),  # four passes are too few
        runs(10, 10, 10, 10, 10, 10, 62),  # once is not enough
        runs(10, 10, 10, 10, 10, 10, 62, 10, 62),
        runs(10, 11, 12, 50, 10, 61, 62),  # within half as much again of the longest
        runs(1, 1, 1, 1, 1, 5.5, 5.5),  # by less than 5 ms
        [*runs(10, 10, 10, 10, 10), Recent(6, "passed", 62, "parallel"), Recent(7, "passed", 62, "parallel")],
        [*runs(10, 10, 10, 10, 10, 61), Recent(7, "failed", 62, "warm")],
    ],
)
def test_the_noise_of_a_machine_is_not_slow(project: Project, recent: list[Recent]) -> None:
    assert project.find(span("x"), recent=recent) == []


def outcomes(*told: tuple[Outcome, bool]) -> list[Recent]:
    return [Recent(at, outcome, 1, "warm", same) for at, (outcome, same) in enumerate(told, 1)]


def test_another_outcome_with_the_same_code(project: Project) -> None:
    (found,) = project.find(
        span("x"), recent=outcomes(("passed", False), ("failed", True), ("failed", False))
    )
    assert (found.kind, found.title) == ("flaky", "passed, then failed, with the same code")
    assert "Its last outcomes: passed failed failed." in found.why
    assert project.find(span("x"), recent=outcomes(("passed", False), ("failed", False))) == []
    assert project.find(span("x"), recent=outcomes(("failed", False), ("skipped", True))) == []


# --- all together ---------------------------------------------------------------------------------------


def lines(count: int, **more: Any) -> list[Tree]:
    return [query(SELECT, number, **more) for number in range(count)]


def test_what_matters_most_comes_first(project: Project) -> None:
    rates = "http://bank/rates"
    found = project.kinds(
        served(get(rates, at(3)), get(rates, at(8)), *lines(3)),
        span("wait", ms=1500),
        recent=outcomes(("failed", False), ("passed", True)),
    )
    assert found == ["flaky", "repeated-query", "repeated-request", "uncovered-time"]


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        (FindingSettings(off=["repeated-query"]), []),
        (FindingSettings(off=["slow"]), ["repeated-query"]),
        (FindingSettings(silence={"repeated-query": ["shop/orders.py*"]}), []),
        (FindingSettings(silence={"repeated-query": ["*SELECT*"]}), []),
        (FindingSettings(silence={"*": ["tests/test_shop.py*"]}), []),
        (FindingSettings(silence={"slow": ["*"], "*": ["elsewhere"]}), ["repeated-query"]),
    ],
)
def test_what_nobody_wants_to_hear(project: Project, settings: FindingSettings, left: list[str]) -> None:
    project.settings = settings
    assert project.kinds(served(*lines(3))) == left


def test_a_trace_without_anything(project: Project) -> None:
    assert project.find(trace=Trace()) == []
    assert project.find() == []


# --- indexes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "statement", "arguments"),
    [
        ("select %s, '%s', 5 %% 2", "select $1, '%s', 5 % 2", 1),
        ("select %(a)s, %(b)s, %(a)s", "select $1, $2, $1", 2),
        ("select $2, $1", "select $2, $1", 2),
        ("select 'it''s %s', %s::text", "select 'it''s %s', $1::text", 1),
    ],
)
def test_placeholders_of_all_drivers(text: str, statement: str, arguments: int) -> None:
    assert numbered(text) == (statement, arguments)


def sql(text: str, table: str, site: Any = None) -> Tree:
    tree, children = query(text, 1, site=site)
    tree["attributes"] |= {"db.collection.name": table, "db.system.name": "postgresql"}
    return tree, children


def test_only_queries_of_tables_that_grow_are_worth_a_plan(project: Project) -> None:
    def found(*children: Tree) -> list[str]:
        scene = Finder(str(project.root), project.settings).scene(traced(*children))
        return [one.statement for one in candidates(scene)]

    asks, adds = (
        sql("SELECT * FROM orders WHERE customer = %s", "orders"),
        sql("INSERT INTO orders", "orders"),
    )
    assert found(asks, asks, adds) == ["SELECT * FROM orders WHERE customer = $1"]
    assert found(asks) == []
    assert found(asks, sql("INSERT INTO lines", "lines")) == []
    assert found(asks, sql("INSERT INTO orders", "orders", at(3, "tests/test_shop.py"))) == []
    assert found(adds, sql("SELECT count(*) FROM orders", "orders")) == []


def test_what_a_plan_says() -> None:
    whole = {"Node Type": "Seq Scan", "Relation Name": "orders", "Filter": "(customer = $1)"}
    assert filtered_by({"Node Type": "Sort", "Plans": [whole]}, "public.orders") == "(customer = $1)"
    assert filtered_by({**whole, "Node Type": "Index Only Scan"}, "orders") == "(customer = $1)"
    served = {**whole, "Node Type": "Index Scan", "Index Cond": "(customer = $1)", "Filter": "(paid = $2)"}
    assert not filtered_by(served, "orders")
    assert not filtered_by({**whole, "Filter": "(state = 'waiting')"}, "orders")
    assert not filtered_by(whole, "lines")


@pytest.mark.parametrize("value", [[["a"], {"b": 1}], {"c": []}, None, 3, "", "x" * 9000, True])
def test_attributes_of_any_kind_break_nothing(project: Project, value: object) -> None:
    """Spans of the application's own, or from elsewhere, say what they like."""
    names = [
        *("code.file.path", "code.line.number", "db.query.text", "db.query.parameters", "db.namespace"),
        *("db.operation.name", "db.collection.name", "db.system.name", "db.response.returned_rows"),
        *("http.request.method", "http.response.status_code", "url.full", "pytest.phase", CONNECT),
        *("pytest.fixture.shared", "db.statement"),
    ]
    odd = dict.fromkeys(names, value)
    kinds: tuple[SpanKind, ...] = ("db", "client", "server", "internal", "fixture", "phase", "consumer")
    for kind in kinds:
        spans = [span("odd", span("below", kind=kind, attributes=odd), kind=kind, attributes=odd)] * 6
        trace = traced(served(*spans), *spans)
        assert figures(trace).spans == len(trace)
        scene = Finder(str(project.root), project.settings).scene(trace)
        assert len(candidates(scene)) <= len(trace)
        assert {each.kind for each in project.find(trace=trace)} <= {"repeated-query", "connection-churn"}
