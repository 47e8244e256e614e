from __future__ import annotations

import pytest

from enctest.databases.statements import split


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", []),
        ("  -- nothing\n/* at all; */ ;;", []),
        ("select 1; select 2", ["select 1", "select 2"]),
        ("select ';' ; select 'it''s;'", ["select ';'", "select 'it''s;'"]),
        (r"select e'\';' ; select 1", [r"select e'\';'", "select 1"]),
        ('select 1 as "a;b"; x', ['select 1 as "a;b"', "x"]),
        ("do $$ begin; end $$; x", ["do $$ begin; end $$", "x"]),
        ("do $a$ $b$;$b$ ; $a$; x", ["do $a$ $b$;$b$ ; $a$", "x"]),
        ("select 1 -- a;b\n; x", ["select 1 -- a;b", "x"]),
        ("/* a /* b; */ c; */ x; y", ["x", "y"]),
        ("select a$1$b; x", ["select a$1$b", "x"]),
        ("select $1; x", ["select $1", "x"]),
        ("select $$never closed; x", ["select $$never closed; x"]),
        ("select 'never closed; x", ["select 'never closed", "x"]),
    ],
)
def test_statements_end_where_the_server_thinks(sql: str, statements: list[str]) -> None:
    assert [statement.sql for statement in split(sql)] == statements


def test_a_statement_starts_at_its_first_word() -> None:
    sql = "-- first\n\nselect 1;\n/* second */\n  select 2;"

    assert [sql[statement.start :][:8] for statement in split(sql)] == ["select 1", "select 2"]
