"""What is found in traces: each kind where it is, and nothing where a test or the application means it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engine.tracing.made import APP, SELECT, Project, Tree, at, get, query, served, span, traced

from enctest.events import SpanNote
from enctest.tracing.model import CONNECT


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


# --- queries -------------------------------------------------------------------------------------------


def lines(count: int, **more: Any) -> list[Tree]:
    return [query(SELECT, number, **more) for number in range(count)]


def test_a_query_for_each_row_of_another_is_found(project: Project) -> None:
    orders = query("SELECT * FROM orders", rows=4, site=at(3))
    (found,) = project.find(orders, *lines(4))
    assert found.kind == "repeated-query"
    assert found.title == "4x SELECT *, once for each row of SELECT *"
    assert found.place == f"{APP}:9"
    assert found.spans == (4, 5, 6, 7)
    assert "4 different arguments" in found.why


def test_calls_of_the_test_itself_are_no_loop_of_the_application(project: Project) -> None:
    assert project.find(*lines(4)) == []
    assert project.find(query("SELECT * FROM orders", rows=9, site=at(3)), *lines(4)) == []


def test_within_one_request_three_are_enough(project: Project) -> None:
    assert project.kinds(served(*lines(3))) == ["repeated-query"]
    assert project.kinds(served(*lines(2))) == []
    assert project.kinds(served(*lines(2)), served(*lines(2))) == []  # two requests are two


def test_the_source_tells_a_loop(project: Project) -> None:
    project.write(
        """
        def lines(connection, orders):
            found = []
            for order in orders:
                found += connection.execute("…", order)
            while True:
                connection.execute("…", 1)
        """
    )
    assert project.kinds(*lines(3, site=at(4))) == ["repeated-query"]
    assert project.kinds(served(*lines(3, site=at(6)))) == []  # that waits for something


def test_equal_arguments_need_more_repetition_and_one_request(project: Project) -> None:
    same = [query(SELECT, 1) for _ in range(5)]
    assert project.kinds(served(*same)) == ["repeated-query"]
    assert project.kinds(served(*same[:4])) == []
    assert project.kinds(*same) == []


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO line VALUES (%s)",
        "SELECT 1",
        "SELECT nextval('ids') FROM dual WHERE %s",
        "SELECT * FROM line WHERE id = %s FOR UPDATE",
        "SELECT * FROM line ORDER BY id LIMIT 100 OFFSET %s",
        "SELECT * FROM line WHERE id = ANY(%s)",
        "SELECT * FROM pg_class WHERE relname = %s",
    ],
)
def test_what_has_to_be_asked_one_by_one_is_no_finding(project: Project, text: str) -> None:
    assert project.find(served(*[query(text, number) for number in range(8)])) == []


def test_what_tests_and_their_helpers_ask_is_their_own_affair(project: Project) -> None:
    for path in ("tests/test_shop.py", "tests/help.py", "shop/conftest.py", "shop/orders_test.py"):
        assert project.find(served(*lines(8, site=at(3, path)))) == [], path


def test_queries_that_go_round_together_are_one_finding(project: Project) -> None:
    both = [
        each
        for number in range(3)
        for each in (query(SELECT, number), query("SELECT name FROM item WHERE id = %s", number, site=at(12)))
    ]
    (found,) = project.find(served(*both))
    assert found.title == "3x SELECT * and SELECT name"
    assert len(found.spans) == 6


def test_growth_against_the_last_pass_is_told_and_ranks_higher(project: Project) -> None:
    now = traced(served(*lines(6)))
    (alone,) = project.find(trace=now)
    (grown,) = project.find(trace=now, base=traced(served(*lines(2))))
    assert grown.rank > alone.rank
    assert "At the last pass there were 2." in grown.why
    assert "At the last pass" not in alone.why


# --- requests ------------------------------------------------------------------------------------------


def test_the_same_request_twice(project: Project) -> None:
    rates = "http://bank/rates?day=1"
    (found,) = project.find(served(get(rates, at(3)), get(rates, at(8))))
    assert (found.kind, found.title) == ("repeated-request", f"2x GET {rates}")
    assert f"{APP}:3 and {APP}:8" in found.why


@pytest.mark.parametrize(
    "requests",
    [
        [get("http://bank/1", at(3)), get("http://bank/2", at(3))],
        [get("http://bank/1", at(3), status=503), get("http://bank/1", at(3))],
        [get("http://bank/1", at(3), method="POST"), get("http://bank/1", at(3), method="POST")],
        [
            get("http://bank/1", at(3, "tests/test_shop.py")),
            get("http://bank/1", at(3, "tests/test_shop.py")),
        ],
        [get("http://shop/1", at(3), served()), get("http://shop/1", at(3), served())],
    ],
    ids=["others", "again after a failure", "writing", "of the test", "to itself"],
)
def test_requests_that_are_meant(project: Project, requests: list[Tree]) -> None:
    assert project.find(served(*requests)) == []


def test_two_calls_by_the_test_are_no_repetition(project: Project) -> None:
    assert project.find(get("http://bank/1", at(3)), get("http://bank/1", at(3))) == []


AWAITS = """
async def show(client, users):
    found = []
    for user in users:
        found.append(await client.get(f"/users/{user}"))
    prices = await client.get("/prices")
    stock = await client.get("/stock")
    name = await client.get(f"/names/{stock}")
    return found, prices, name
def plain(client, users):
    for user in users:
        client.get(f"/users/{user}")
"""


def test_a_loop_that_awaits_one_request_after_the_other(project: Project) -> None:
    project.write(AWAITS)
    (found,) = project.find(*[get(f"http://x/users/{user}", at(4)) for user in range(3)])
    assert found.kind == "sequential-awaits"
    assert found.place == f"{APP}:4"
    assert "They take 3.0 ms, and would take about 1.0 ms" in found.why


def test_pages_and_plain_functions_are_not_told(project: Project) -> None:
    project.write(AWAITS)
    pages = [get(f"http://x/users?page={page}", at(4)) for page in range(3)]
    assert project.find(*pages) == []
    assert project.find(*[get(f"http://x/users/{user}", at(11)) for user in range(3)]) == []


def test_assignments_that_do_not_need_each_other(project: Project) -> None:
    project.write(AWAITS)
    awaits = [get("http://x/prices", at(5)), get("http://x/stock", at(6)), get("http://x/names/1", at(7))]
    (found,) = project.find(*awaits)
    assert found.kind == "sequential-awaits"
    assert found.spans == (3, 4)  # the third needs the second
    project.write(AWAITS.replace("prices =", "client.prices ="))
    assert project.find(*awaits) == []  # what is kept elsewhere may be needed


def test_what_overlaps_runs_together_already(project: Project) -> None:
    project.write(AWAITS)
    prices, stock = get("http://x/prices", at(5), ms=9), get("http://x/stock", at(6))
    trace = traced(prices, stock)
    trace.nodes[4].start_ns = trace.nodes[3].start_ns + 1
    assert project.find(trace=trace) == []


# --- transactions and connections -----------------------------------------------------------------------


def begun(text: str, *arguments: object, **more: Any) -> Tree:
    note = SpanNote(name="command", at_ns=0, attributes={"db.query.text": "BEGIN"})
    return query(text, *arguments, events=(note,), **more)


UPDATE = "UPDATE orders SET paid = %s"
BANK = "http://bank/charge"


def test_a_request_while_a_transaction_is_open(project: Project) -> None:
    wait = get(BANK, at(20), method="POST", ms=8)
    (found,) = project.find(served(begun(UPDATE, 1, ms=1), wait, query("COMMIT", ms=1)))
    assert found.kind == "request-in-transaction"
    assert found.spans == (4, 5)
    assert "open for 10.0 ms, 80 % of that waits for HTTP (8.0 ms)" in found.why


def test_the_first_write_begins_it_where_the_driver_says_nothing(project: Project) -> None:
    wait = get(BANK, at(20), method="POST")
    assert project.kinds(query(UPDATE, 1), wait, query("COMMIT")) == ["request-in-transaction"]


@pytest.mark.parametrize(
    "children",
    [
        [begun(UPDATE, 1), query("COMMIT"), get(BANK, at(20), method="POST")],
        [begun(UPDATE, 1), get(BANK, at(20), method="POST")],  # never ended: the test's own, as a rule
        [begun(UPDATE, 1, site=at(5, "tests/test_shop.py")), get(BANK, at(20)), query("COMMIT")],
        [begun(UPDATE, 1), get(BANK, at(20), served()), query("COMMIT")],
        [begun(UPDATE, 1), begun(UPDATE, 2), get(BANK, at(20)), query("COMMIT")],  # two connections
    ],
    ids=["after it", "open", "of the test", "to itself", "doubtful"],
)
def test_requests_that_hold_no_transaction(project: Project, children: list[Tree]) -> None:
    assert project.find(*children) == []


def test_connections_from_one_line(project: Project) -> None:
    def connects(count: int, path: str = APP) -> list[Tree]:
        return [span("connect", attributes={CONNECT: True, **at(7, path)}) for _ in range(count)]

    (found,) = project.find(served(*connects(2), span("inside", *connects(2))))
    assert (found.kind, found.title) == ("connection-churn", f"4 connections opened at {APP}:7")
    assert "within `GET /orders`" in found.why
    assert project.find(served(*connects(3)), served(*connects(3))) == []  # one request each
    assert project.find(*connects(9)) == []
    assert project.find(served(*connects(9, "tests/help.py"))) == []
    project.write("""
        def lines(orders):
            found = []
            for order in orders:
                found.append(order)


                connect(order)
        """)
    assert project.kinds(*connects(4)) == ["connection-churn"]
