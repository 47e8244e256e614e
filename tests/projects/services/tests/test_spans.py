"""Assertions on what a test did."""

import sqlite3
from contextlib import closing

from enctest import as_user, et
from shop.orders import Orders


def test_calls_are_a_tree() -> None:
    with as_user("alice", "customer"):
        Orders.place("pen", 2)
    (charge,) = et.spans().named("Payments.charge").under("Orders.place")
    assert charge.status == "ok"
    assert et.spans().kind("producer").names == ["publish orders-placed"]
    assert et.spans().errors == []


def test_secrets_are_left_out() -> None:
    with as_user("alice", "customer"):
        Orders.place("pen")
    request = str(et.spans().named("Payments.charge")[0].attributes["enctest.request"])
    assert "customer='alice'" in request
    assert "4000" not in request


def test_queries_can_be_counted() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE item (name text)")
        for name in ("pen", "ink"):
            database.execute("INSERT INTO item VALUES (?)", [name])
        database.execute("SELECT name FROM item").fetchall()
    assert et.spans().named("SELECT*").count <= 1
    assert et.spans().named("INSERT*").count == 2


def test_a_double_says_so() -> None:
    et.mock_endpoint(Orders.get, lambda number: None)
    assert Orders.get(3) is None
    assert et.spans().having("enctest.mocked", True).names == ["Orders.get"]
