"""What a fixture of wider scope read from a database counts for every test that uses it."""

from __future__ import annotations

from tests.e2e.conftest import MakeSample

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.enctest.databases.shop]
        migrations = "migrations"
        """,
    "migrations/1_items.up.sql": "CREATE TABLE item (name text);\nINSERT INTO item VALUES ('tea');\n",
    "migrations/2_notes.up.sql": "CREATE TABLE note (a int);\n",
    "conftest.py": """
        import os
        import psycopg
        import pytest

        def ask(sql):
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                return connection.execute(sql).fetchall()

        @pytest.fixture(scope="session")
        def names():
            return [name for name, in ask("SELECT name FROM item")]

        @pytest.fixture
        def first(names):
            return names[0]
        """,
    "test_names.py": """
        from conftest import ask

        def test_one(names):
            assert len(names) == 1

        def test_first(first):
            assert first == "tea"

        def test_note():
            assert ask("SELECT a FROM note") == []

        def test_nothing():
            pass
        """,
    "test_xunit.py": """
        from conftest import ask

        def setup_module():
            global NAMES
            NAMES = ask("SELECT name FROM item")

        def test_a():
            assert NAMES

        def test_b():
            assert NAMES
        """,
}
USERS = {
    "test_names.py::test_one",
    "test_names.py::test_first",
    "test_xunit.py::test_a",
    "test_xunit.py::test_b",
}


def test_tests_that_use_what_a_fixture_read_rerun_with_its_tables(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        assert watch.edit("migrations/2_notes.up.sql", "a int", "a bigint") == {
            "test_names.py::test_note": "passed"
        }
        ran = watch.edit("migrations/1_items.up.sql", "'tea'", "'milk'")
        assert set(ran) == USERS
        assert ran["test_names.py::test_first"] == "failed"
        assert set(watch.edit("migrations/1_items.up.sql", "'milk'", "'tea'")) == USERS
        assert set(watch.edit("migrations/1_items.up.sql", "name text", "name varchar")) == USERS
        assert watch.edit("migrations/1_items.up.sql", "name varchar", "name text") == {}
        (known,) = watch.new("affected")
        assert {one["info"]["test"] for one in known["known"]} == USERS
