"""Queries with their arguments filled in."""

from __future__ import annotations

import datetime as dt
import sqlite3
from decimal import Decimal
from uuid import UUID

import pytest

from enctest.tracing.filled import fill
from enctest.tracing.hooks.queries import shown_parameters

UTC = dt.UTC


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        ("SELECT a FROM t WHERE b = %s", ("it's",), "SELECT a FROM t WHERE b = 'it''s'"),
        ("SELECT %s, %s, %s", (None, True, 1.5), "SELECT NULL, true, 1.5"),
        ("SELECT 5 -%s", (-3,), "SELECT 5 -(-3)"),
        ("SELECT '%s', \"%s\", %s -- %s", (1,), "SELECT '%s', \"%s\", 1 -- %s"),
        ("SELECT /* %s */ $$ %s $$, E'\\'%s', %s", (1,), "SELECT /* %s */ $$ %s $$, E'\\'%s', 1"),
        ("SELECT %(a)s, %(b)s, %(a)s", {"a": 1, "b": "x=y"}, "SELECT 1, 'x=y', 1"),
        ("SELECT a LIKE 'x%%', %s", (1,), "SELECT a LIKE 'x%%', 1"),
        ("SELECT 7 %% %s", (2,), "SELECT 7 % 2"),
        ("SELECT 7 %% 2", (), "SELECT 7 %% 2"),
        ("SELECT $2::text, $1", (1, "b"), "SELECT 'b'::text, 1"),
        ("SELECT :name, a::text", {"name": "x"}, "SELECT 'x', a::text"),
        ("SELECT a ? 'key' FROM t WHERE b = $1", (1,), "SELECT a ? 'key' FROM t WHERE b = 1"),
        ("SELECT %s", ([1, 2],), "SELECT ARRAY[1, 2]"),
        ("SELECT %s", ([],), "SELECT '{}'"),
        ("SELECT %s", (b"\x01\xff",), "SELECT '\\x01ff'::bytea"),
        ("SELECT %s", (Decimal("1.50"),), "SELECT 1.50"),
        ("SELECT %s", (Decimal("NaN"),), "SELECT 'NaN'::numeric"),
        ("SELECT %s", (UUID(int=7),), "SELECT '00000000-0000-0000-0000-000000000007'::uuid"),
        ("SELECT %s", (dt.date(2024, 2, 29),), "SELECT '2024-02-29'::date"),
        (
            "SELECT %s",
            (dt.datetime(2024, 1, 2, 3, 4, tzinfo=UTC),),
            "SELECT '2024-01-02 03:04:00+00:00'::timestamptz",
        ),
        ("SELECT %s", (dt.time(3, 4),), "SELECT '03:04:00'::time"),
        ("SELECT %s", (dt.timedelta(days=1, seconds=2),), "SELECT '86402.0 seconds'::interval"),
    ],
)
def test_arguments_take_the_places_of_their_placeholders(
    text: str, parameters: object, expected: str
) -> None:
    filled = fill(text, shown_parameters(parameters) if parameters else None)
    assert filled.sql == expected
    assert filled.is_complete


@pytest.mark.parametrize(
    ("text", "parameters", "missing"),
    [
        ("SELECT %s", ["<Secret>"], 1),
        ("SELECT %(password)s", ["password=[redacted]"], 1),
        ("SELECT %s", ["'abc'… (30 more)"], 1),
        ("SELECT %s, %s", ["1"], 1),
        ("SELECT %s", ["{'a': 1}"], 1),
        ("SELECT %s", ["[1, 2, …]"], 1),
        ("SELECT %s", ["datetime.datetime(2024, 99, 1)"], 1),
        ("SELECT %s", ["__import__('os').getcwd()"], 1),
        ("SELECT %s", ["(" * 4000], 1),
        ("SELECT %s", ["-" * 4000 + "1"], 1),
        ("SELECT %s", [], 1),
    ],
)
def test_what_is_not_wholly_known_stays_a_placeholder(text: str, parameters: list[str], missing: int) -> None:
    filled = fill(text, parameters)
    assert filled.sql.startswith("SELECT ")
    assert "%" in filled.sql
    assert (filled.missing, filled.is_complete) == (missing, False)


def test_a_query_that_was_cut_is_not_complete() -> None:
    assert not fill("SELECT a FROM… (30 more characters)", None).is_complete


def test_parameters_that_are_one_text_are_read_as_a_list() -> None:
    assert fill("SELECT %s, %s", "'a, b', 7").sql == "SELECT 'a, b', 7"
    assert fill("SELECT %s", "(7,)").sql == "SELECT 7"


@pytest.mark.parametrize(
    "value", ["it's", "'; DROP TABLE t; --", "a\\'b", 'x"y', "tea\nmilk", 3, -2.5, None, b"\x00\xff", True]
)
def test_a_database_reads_back_what_was_filled_in(value: object) -> None:
    filled = fill("SELECT ?, ?2", shown_parameters((value, value)), "sqlite")
    assert filled.is_complete
    connection = sqlite3.connect(":memory:")
    try:
        assert connection.execute(filled.sql).fetchone() == (value, value)
    finally:
        connection.close()
