"""Traces of the sample project's tests, as the explorer stores them."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.tui.stage import BANK, BULK, FAILURE, HISTORY, NOW, START

from enctest import events as ev

_SELECT_PRODUCT = "SELECT sku, name, category, price, stock FROM products WHERE sku = %s FOR UPDATE"
_INSERT_ORDER = (
    "INSERT INTO orders (customer, address, goods, bulk_discount, coupon_discount, shipping, total) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id"
)
_INSERT_PRODUCT = "INSERT INTO products (sku, name, category, price, stock) VALUES (%s, %s, %s, %s, %s)"
_LINES = "SELECT sku, name, price, quantity FROM order_lines WHERE order_id = %s ORDER BY position"


def span(
    number: int,
    parent: int | None,
    kind: ev.SpanKind,
    name: str,
    start: float,
    end: float | None,
    *notes: ev.SpanNote,
    status: ev.SpanStatus = "ok",
    **attributes: Any,
) -> ev.Span:
    """Return a span from `start` to `end` (ms from the trace's beginning); None leaves it open."""
    return ev.Span(
        span=number,
        parent=parent,
        name=name,
        kind=kind,
        start_ns=START + int(start * 1e6),
        end_ns=START + int(end * 1e6) if end is not None else None,
        status=status if end is not None else "unset",
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        events=notes,
    )


def note(name: str, at: float, **attributes: object) -> ev.SpanNote:
    """Return an event of a span, `at` ms from the trace's beginning."""
    return ev.SpanNote(
        name=name,
        at_ns=START + int(at * 1e6),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
    )


def query(
    number: int, parent: int, text: str, start: float, end: float, *parameters: object, **more: Any
) -> ev.Span:
    """Return the span of a query."""
    verb = text.partition(" ")[0]
    words = text.split()
    table = words[words.index({"SELECT": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE"}[verb]) + 1]
    attributes: dict[str, Any] = {
        "db__system__name": "postgresql",
        "db__namespace": "shop",
        "db__operation__name": verb,
        "db__query__summary": f"{verb} {table}",
        "db__query__text": text,
        "db__query__parameters": ", ".join(map(repr, parameters)),
        "db__response__returned_rows": 1,
        **more,
    }
    return span(number, parent, "db", f"{verb} …", start, end, **attributes)


def http(
    number: int,
    parent: int,
    kind: ev.SpanKind,
    method: str,
    where: str,
    code: int,
    start: float,
    end: float | None,
) -> ev.Span:
    """Return the span of a request."""
    place: dict[str, Any] = {"url__full": where} if kind == "client" else {"http__route": where}
    answer: dict[str, Any] = {"http__response__status_code": code} if end is not None else {}
    return span(number, parent, kind, method, start, end, http__request__method=method, **place, **answer)


_SITE: dict[str, Any] = {"code__file__path": "shop/orders/store.py", "code__line__number": 41}
_BULK = (
    span(1, None, "test", BULK, 0, 44.2, status="error"),
    span(2, 1, "phase", "setup", 0.1, 12.9),
    span(3, 2, "fixture", "database", 0.2, 8.3, pytest__fixture__scope="session"),
    span(4, 2, "fixture", "make_product", 8.4, 8.9),
    span(5, 2, "fixture", "place_order", 9.0, 12.8),
    span(
        6,
        1,
        "phase",
        "call",
        13.0,
        41.6,
        note(
            "exception",
            41.4,
            exception__type="AssertionError",
            exception__message="10 pieces at €8.00 must save €8.00",
            exception__stack=[f"tests/api/test_checkout.py:80 TestDiscounts.{BULK.rpartition('::')[2]}"],
        ),
        status="error",
    ),
    query(7, 6, _INSERT_PRODUCT, 13.4, 15.0, "tea-1", "Tea", "drinks", 800, 20),
    http(8, 6, "client", "POST", "http://orders/orders", 201, 15.4, 40.8),
    http(9, 8, "server", "POST", "/orders", 201, 16.2, 40.5),
    span(10, 9, "internal", "reserve stock", 16.9, 21.0, shop__lines=1),
    query(
        11,
        10,
        _SELECT_PRODUCT,
        17.3,
        19.0,
        "tea-1",
        code__file__path="shop/catalogue/products.py",
        code__line__number=88,
    ),
    query(12, 10, "UPDATE products SET stock = stock - %s WHERE sku = %s", 19.2, 20.8, 10, "tea-1"),
    span(
        13,
        9,
        "internal",
        "price order",
        21.2,
        22.0,
        shop__pieces=[10],
        shop__goods=8000,
        shop__bulk_discount=0,
        shop__coupon="",
        code__file__path="shop/orders/pricing.py",
        code__line__number=33,
    ),
    query(14, 9, _INSERT_ORDER, 22.4, 25.1, "ada@example.org", "1 Park Lane", 8000, 0, 0, 0, 8000, **_SITE),
    http(15, 9, "client", "POST", "http://payments/payments", 201, 25.6, 39.4),
    http(16, 15, "server", "POST", "/payments", 201, 26.3, 39.0),
    span(
        17,
        16,
        "internal",
        "ask the bank",
        27.0,
        33.1,
        note("log", 32.8, log__level="INFO", log__message="card accepted, 80.00 charged"),
    ),
    query(
        18,
        16,
        "INSERT INTO payments (order_id, card, amount) VALUES (%s, %s, %s)",
        34.0,
        38.2,
        7,
        "…4242",
        8000,
    ),
    span(19, 1, "phase", "teardown", 41.7, 44.1),
)


def bulk() -> ev.Details:
    """Return the failing test of the shop: no discount for ten of a kind."""
    return ev.Details(
        t=NOW,
        test=BULK,
        run=3,
        outcome="failed",
        duration_ms=44.2,
        message="AssertionError: 10 pieces at €8.00 must save €8.00",
        failure=FAILURE,
        sections=(
            ev.Section(
                title="Captured log call", text="INFO     shop.bank:bank.py:61 card accepted, 80.00 charged\n"
            ),
        ),
        path="tests/api/test_checkout.py",
        line=80,
        why="shop.orders.pricing.bulk_discount changed",
        spans=_BULK,
    )


def history() -> ev.Details:
    """Return a passing test that asks the database too often."""
    orders = "SELECT id, customer, status, total FROM orders WHERE customer = %s ORDER BY id"
    trace = [
        span(1, None, "test", HISTORY, 0, 31.0),
        span(2, 1, "phase", "setup", 0.1, 11.0),
        span(3, 2, "fixture", "connection", 0.3, 10.8),
        span(4, 1, "phase", "call", 11.1, 30.2),
        query(5, 4, orders, 11.6, 13.4, "ada@example.org", db__response__returned_rows=12),
        *(query(6 + at, 4, _LINES, 13.8 + 1.3 * at, 14.8 + 1.3 * at, at + 1) for at in range(12)),
        span(30, 1, "phase", "teardown", 30.3, 30.9),
    ]
    return ev.Details(t=NOW, test=HISTORY, run=3, outcome="passed", duration_ms=31.0, spans=tuple(trace))


def bank() -> ev.Details:
    """Return the slow test while it runs, waiting for the bank's second answer."""
    trace = (
        span(1, None, "test", BANK, 0, None),
        span(2, 1, "phase", "setup", 0.2, 15.0),
        span(3, 2, "fixture", "database", 0.4, 9.0),
        span(4, 2, "fixture", "place_order", 9.3, 14.6),
        span(5, 1, "phase", "call", 15.2, None),
        http(6, 5, "client", "POST", "http://orders/orders", 0, 21.0, None),
        http(7, 6, "server", "POST", "/orders", 0, 22.0, None),
        query(8, 7, _SELECT_PRODUCT, 23.4, 24.6, "tea-1"),
        query(9, 7, _INSERT_ORDER, 26.0, 28.2, "ada@example.org", "1 Park Lane", 500, 0, 0, 490, 990),
        http(10, 7, "client", "POST", "http://payments/payments", 503, 30.0, 41.0),
        span(
            11,
            7,
            "internal",
            "wait for the bank",
            42.0,
            542.6,
            note("log", 42.1, log__level="WARNING", log__message="the bank is busy, asks again in 0.5 s"),
        ),
        http(12, 7, "client", "POST", "http://payments/payments", 503, 543.0, 556.0),
        span(
            13,
            7,
            "internal",
            "wait for the bank",
            557.0,
            None,
            note("log", 557.3, log__level="WARNING", log__message="the bank is busy, asks again in 1.0 s"),
            shop__pause=1.0,
        ),
    )
    return ev.Details(
        t=NOW, test=BANK, run=4, running=True, path="tests/api/test_checkout.py", line=131, spans=trace
    )


def bulk_before() -> tuple[int, tuple[ev.Span, ...]]:
    """Return run and spans of that test's last pass: there was a discount, and the order was looked up."""
    discount: dict[str, Any] = {"shop.bulk_discount": 800}
    spans = []
    for each in _BULK:
        attributes = {**each.attributes, **discount} if each.name == "price order" else each.attributes
        status: ev.SpanStatus = "ok" if each.span in {1, 6} else each.status
        events = () if each.span == 6 else each.events
        spans.append(msgspec.structs.replace(each, attributes=attributes, status=status, events=events))
    spans.append(query(20, 6, "SELECT total FROM orders WHERE id = %s", 41.0, 41.5, 7))
    return 2, tuple(spans)
