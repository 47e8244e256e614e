"""What leaves the process is plain, bounded and without secrets."""

from __future__ import annotations

import enum

import pytest

from enctest.tracing.hooks.web import safe_url
from enctest.tracing.sql import summarize
from enctest.tracing.values import Cleaner, redact, show


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password=hush and more", "password=[redacted] and more"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ('{"api_key": "hush", "n": 1}', '{"api_key": "[redacted]", "n": 1}'),
        ("ALTER ROLE me PASSWORD 'hush'", "ALTER ROLE me PASSWORD '[redacted]'"),
        ("WHERE password = %s AND token = $1", "WHERE password = %s AND token = $1"),
        ("postgresql://me:hush@host/db", "postgresql://me:[redacted]@host/db"),
        ("the tokens are 3 and the key is A", "the tokens are 3 and the key is A"),
    ],
)
def test_secrets_in_text(text: str, left: str) -> None:
    assert redact(text) == left


def test_secrets_by_name() -> None:
    cleaned = Cleaner(1000).clean(
        {"http.request.header.cookie": "a=b", "db.password": "x", "tokens": 5, "ok": "y"}
    )
    assert cleaned == {
        "http.request.header.cookie": "[redacted]",
        "db.password": "[redacted]",
        "tokens": 5,
        "ok": "y",
    }
    assert (
        safe_url("http://u:p@h/x?access_token=1&b=2#f")
        == "http://u:[redacted]@h/x?access_token=[redacted]&b=2#f"
    )


def test_long_values_are_cut_and_say_so() -> None:
    cleaner = Cleaner(5000)
    cleaned = cleaner.clean({"a": "x" * 10_000, "b": list(range(200))})
    assert cleaned["a"].startswith("x" * 4096)
    assert cleaned["a"].endswith("(5904 more characters)")
    assert len(cleaned["b"]) == 101
    assert not cleaner.exhausted
    assert len(cleaner.clean({"a": "x" * 4000})["a"]) == 4000
    assert cleaner.exhausted
    assert len(cleaner.clean({"a": "x" * 4000})["a"]) < 250


def test_showing_runs_no_code_of_the_application() -> None:
    class Nasty:
        def __repr__(self) -> str:
            raise AssertionError

    class Colour(enum.Enum):
        RED = 1

    assert show(Nasty()) == "<Nasty>"
    assert (
        show([1, Nasty(), {"password": "x", "b": b"y"}])
        == "[1, <Nasty>, {'password': [redacted], 'b': b'y'}]"
    )
    assert show(Colour.RED) == "<Colour>"
    assert show("x" * 5000).endswith("(904 more)")


def test_a_value_that_cannot_be_read_does_not_stop_the_others() -> None:
    class Broken(list[int]):
        def __len__(self) -> int:
            raise RuntimeError

    cleaned = Cleaner(1000).clean({"a": Broken(), "b": 1})
    assert cleaned == {"a": "<unreadable: RuntimeError>", "b": 1}


@pytest.mark.parametrize(
    ("query", "summary"),
    [
        ("SELECT * FROM orders WHERE id = %s", "SELECT orders"),
        ('select a, (select 1) from "shop"."orders" o', "SELECT shop.orders"),
        ("-- why\n/* from x */ INSERT INTO orders (a) VALUES ('from y')", "INSERT orders"),
        ("UPDATE ONLY orders SET a = 1", "UPDATE orders"),
        ("DELETE FROM orders", "DELETE orders"),
        ("WITH a AS (SELECT 1 FROM x), b AS (DELETE FROM y) UPDATE orders SET n = 1", "UPDATE orders"),
        ("CREATE UNIQUE INDEX IF NOT EXISTS i ON orders (a)", "CREATE INDEX i"),
        ("CREATE TEMP TABLE orders (id int)", "CREATE TABLE orders"),
        ("(SELECT 1) UNION (SELECT 2)", "SELECT"),
        ("COPY orders (id) FROM STDIN", "COPY orders"),
        ("COMMIT", "COMMIT"),
        ("SELECT 1", "SELECT"),
        ("", "query"),
    ],
)
def test_queries_in_short(query: str, summary: str) -> None:
    assert summarize(query).text == summary
