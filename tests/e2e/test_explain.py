"""EXPLAIN ANALYZE by key, on the database that a failed test has left."""

from __future__ import annotations

import psycopg
import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.test_db_command import FAILED, FILES, told
from tests.e2e.test_screen import opened

from enctest.config import load
from enctest.databases.explaining import explain
from enctest.errors import EnctestError

FILES = FILES | {
    "test_items.py": """
        import os
        import psycopg

        def test_fails():
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                connection.execute(
                    "INSERT INTO item (name) SELECT 'more ' || i FROM generate_series(1, 500) i"
                )
                connection.execute("UPDATE item SET name = %s WHERE name = %s", ("it's", "more 7"))
            raise AssertionError("look at it")
        """,
}
UPDATED = "SELECT count(*) FROM item WHERE name = 'it''s'"


def test_a_key_explains_a_query_and_leaves_no_trace(sample: MakeSample) -> None:
    project = sample(FILES)
    with opened(project, size=(160, 48)) as terminal:
        terminal.see("✗ 1", "test_fails")
        terminal.press("nt")
        terminal.see("UPDATE item")
        terminal.press("&kind:sql update\r")
        terminal.see("1 of", "& Only")
        terminal.press("G\r")
        terminal.see("SET name = 'it''s'", "WHERE name = 'more 7'", "for display: arguments filled in")
        terminal.press("X")
        terminal.see("as the failed test has left it", "Update on item", "Seq Scan on item", "actual time")
        url = told(project, "url", "shop", "--test", FAILED).strip()
        with psycopg.connect(url) as connection:
            assert connection.execute(UPDATED).fetchone() == (1,)
        terminal.press("q")
        assert terminal.ended() == 0


def test_what_is_explained_is_undone_and_is_one_statement(
    sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = sample(FILES)
    with project.watch():
        for name, value in project.env.items():
            monkeypatch.setenv(name, value)
        databases = load(project.root).databases

        def plan(query: str, namespace: str = "shop", test: str = FAILED) -> str:
            return "\n".join(explain(project.root, databases, test, namespace, query).lines)

        def count() -> tuple[int, ...] | None:
            with psycopg.connect(told(project, "url", "shop", "--test", FAILED).strip()) as connection:
                return connection.execute("SELECT count(*) FROM item").fetchone()

        assert count() == (503,)
        assert "Delete on item" in plan("DELETE FROM item", "shop_run_gw1")
        assert "Seq Scan on item" in plan("SELECT * FROM item;")
        assert "actual" in plan("SELECT 1", test="test_items.py::test_unknown")
        for query, complaint in (
            ("SELECT 1; COMMIT; DELETE FROM item", "cannot insert multiple commands"),
            ("SELECT nothing FROM item", 'column "nothing" does not exist'),
            ("COMMIT", "syntax error"),
            ("SELECT pg_sleep(60)", "statement timeout"),
        ):
            with pytest.raises(EnctestError, match=complaint):
                plan(query)
        with pytest.raises(EnctestError, match="database other is not managed"):
            plan("SELECT 1", "other")
        assert count() == (503,)
