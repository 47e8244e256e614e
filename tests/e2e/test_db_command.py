"""`enctest db` while an explorer is open, and what a failed test has left."""

from __future__ import annotations

import psycopg
import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.test_screen import opened
from tests.harness import Sample, wait_until

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.enctest.databases.shop]
        migrations = "migrations"
        isolation = "test"
        """,
    "migrations/1_items.up.sql": """
        CREATE TABLE item (id serial PRIMARY KEY, name text);
        CREATE TABLE mark (name text);
        INSERT INTO item (name) VALUES ('tea'), ('milk'), ('bread');
        """,
    "test_items.py": """
        import os
        import psycopg

        def test_fails():
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                connection.execute("INSERT INTO item (name) VALUES ('rice'), ('salt')")
                connection.execute("UPDATE item SET name = 'coffee' WHERE id = 1")
                connection.execute("DELETE FROM item WHERE id = 2")
                connection.execute("INSERT INTO mark VALUES ('x')")
            raise AssertionError("look at it")

        def test_passes():
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                assert connection.execute("SELECT count(*) FROM item").fetchone() == (3,)
        """,
}
NO_AUDIT = """
        [tool.enctest]
        audit = false
        """
"""Tests that idle time runs have the run's database, too, and each finds it fresh."""
FAILED = "test_items.py::test_fails"


def told(project: Sample, *args: str) -> str:
    """Run `enctest db` and return what it prints."""
    done = project.enctest("db", *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(project: Sample, *args: str) -> str:
    """Run `enctest db` and return what it complains of."""
    done = project.enctest("db", *args)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_a_failed_test_has_left(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        assert watch.outcomes() == {FAILED: "failed", "test_items.py::test_passes": "passed"}
        assert "kept" in told(project, "list")
        url = told(project, "url", "shop", "--test", FAILED).strip()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT name FROM item WHERE id = 1").fetchone() == ("coffee",)
        assert told(project, "changes", "shop", "--test", FAILED) == (
            "public.item: 2 added, 1 updated, 1 deleted\npublic.mark: 1 added, 0 updated, 0 deleted\n"
        )
        told(project, "drop", "shop", "--test", FAILED)

        def refusal() -> str:
            """Drop what there is; in idle time a fresh process is asked as well, which leaves more."""
            told(project, "drop", "shop")
            done = project.enctest("db", "url", "shop", "--test", FAILED)
            return done.stderr if done.returncode else ""

        complaint = wait_until("all that failed tests have left is dropped", refusal)
        assert "nothing of" in complaint
        assert "Traceback" not in complaint


def test_a_key_opens_it_in_the_app(sample: MakeSample) -> None:
    project = sample(FILES)
    with opened(project) as terminal:
        terminal.see("✗ 1", "test_fails")
        terminal.press("n")
        terminal.see("look at it")
        terminal.press("2")
        terminal.see(
            "shop is kept as it was; p opens it", "item  2 added, 1 updated, 1 deleted", "mark  1 added"
        )
        terminal.press("p")
        terminal.see("=>")  # psql
        terminal.press("select string_agg(name, '+' order by id) from item;\n")
        terminal.see("coffee+bread+rice+salt")
        terminal.press("\\q\n")
        terminal.see("test_fails", "Failed")
        terminal.press("q")
        assert terminal.ended() == 0


def test_the_runs_own_database(sample: MakeSample) -> None:
    project = sample(FILES | {"pyproject.toml": FILES["pyproject.toml"] + NO_AUDIT})
    with project.watch():
        url = told(project, "url", "shop").strip()
        with psycopg.connect(url) as connection:
            connection.execute("DELETE FROM item")
        assert told(project, "changes", "shop") == "public.item: 0 added, 0 updated, 3 deleted\n"
        told(project, "reset", "shop")
        assert told(project, "changes", "shop") == "nothing differs\n"


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("url", "shop"), "database shop is not running"),
        (("url", "ship"), "no database 'ship' is declared"),
        (("url",), "these are its commands"),
        (("open", "shop"), "these are its commands"),
        (("reset", "shop", "--test", FAILED), "these are its commands"),
    ],
)
def test_used_wrongly(sample: MakeSample, args: tuple[str, ...], complaint: str) -> None:
    assert complaint in refused(sample(FILES), *args)
