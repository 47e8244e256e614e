"""A declared database is there, migrated and fresh for every run; nothing of it is left behind."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.e2e.conftest import MakeSample
from tests.harness import Watch, processes_of, wait_until

PYPROJECT = """
[tool.pytest.ini_options]
[tool.enctest.databases.shop]
migrations = "migrations"
env = ["DATABASE_URL", "OTHER_URL"]
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "migrations/1_items.up.sql": "CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL);\n",
    "test_items.py": """
        import os
        import psycopg
        import pytest

        URL = os.environ["DATABASE_URL"]

        def test_insert():
            with psycopg.connect(URL) as connection:
                connection.execute("INSERT INTO item (name) VALUES (%s)", ["tea"])
                assert connection.execute("SELECT count(*) FROM item").fetchone() == (1,)

        def test_url():
            print(URL)
            assert os.environ["OTHER_URL"] == URL

        def test_unrelated():
            pass
        """,
}


def cluster_folder(watch: Watch) -> Path:
    """Return the folder of the cluster, which a test printed as part of its URL (the socket is in it)."""
    (event,) = [e for e in watch.events() if e["type"] == "test_finished" and e["test"].endswith("test_url")]
    (section,) = event["sections"]
    return Path(parse_qs(urlsplit(section["text"].strip()).query)["host"][0]).parent


def test_a_database_is_there_and_fresh_for_every_run(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        (span,) = [s for s in watch.new("span_started") if s["kind"] == "db" and "INSERT" in s["name"]]
        assert span["test"] == "test_items.py::test_insert"
        ran = watch.edit("test_items.py", '["tea"]', '["milk"]')
        assert ran == {"test_items.py::test_insert": "passed"}
        folder = cluster_folder(watch)
        assert any("postgres" in command for command in processes_of(folder))
    wait_until("the server is gone", lambda: not processes_of(folder))
    assert not folder.exists()
    assert "INSERT item" in project.enctest("trace", "test_items.py::test_insert").stdout


def test_a_migration_reruns_the_tests_that_query(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        watch.mark()
        project.write("migrations/2_price.up.sql", "ALTER TABLE item ADD price int NOT NULL DEFAULT 1;\n")
        watch.idle()
        assert watch.outcomes() == {"test_items.py::test_insert": "passed"}


TABLES = FILES | {
    "pyproject.toml": PYPROJECT + 'seed = "seed.sql"\n',
    "migrations/2_more.up.sql": "CREATE TABLE note (a int);\nCREATE VIEW notes AS SELECT * FROM note;\n",
    "seed.sql": "INSERT INTO note VALUES (1);\n",
    "test_notes.py": """
        import os
        import psycopg

        def test_view():
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                assert connection.execute("SELECT count(*) FROM notes").fetchone()[0] < 3
        """,
}
INSERT, VIEW = "test_items.py::test_insert", "test_notes.py::test_view"


def test_a_migration_or_seed_reruns_what_uses_its_tables(sample: MakeSample) -> None:
    project = sample(TABLES)
    with project.watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        assert watch.edit("seed.sql", "(1)", "(1), (2)") == {VIEW: "passed"}
        assert watch.edit("migrations/1_items.up.sql", "name text", "name varchar") == {INSERT: "passed"}
        assert watch.edit("migrations/2_more.up.sql", "note (a", "note /* of */ (a") == {}
        watch.mark()
        project.write("migrations/3_new.up.sql", "CREATE TABLE fresh (a int);\n")
        watch.idle()
        assert watch.outcomes() == {}
        assert watch.edit(
            "migrations/3_new.up.sql", "CREATE TABLE fresh", "ALTER TABLE note ADD x int; --"
        ) == {VIEW: "passed"}
        ran = watch.edit(
            "migrations/3_new.up.sql", "ALTER TABLE note", "DO $$ BEGIN END $$; ALTER TABLE note"
        )
        assert ran == {INSERT: "passed", VIEW: "passed"}
    assert project.enctest("affected").stdout == ""
    project.replace("seed.sql", ", (2)", "")
    assert project.enctest("affected").stdout.split() == [VIEW]
    project.replace("seed.sql", "(1)", "(1), (2)")
    assert project.enctest("affected", "--changed", "migrations/1_items.up.sql").stdout.split() == [INSERT]


def test_a_migration_that_is_undone_lets_the_results_of_before_count(sample: MakeSample) -> None:
    project = sample(TABLES)
    with project.watch() as watch:
        assert watch.edit("seed.sql", "(1)", "(1), (2), (3)") == {VIEW: "failed"}
        assert watch.edit("seed.sql", ", (3)", "") == {VIEW: "passed"}
        assert watch.edit("seed.sql", "(1), (2)", "(2)") == {VIEW: "passed"}
        assert watch.edit("seed.sql", "(2)", "(1), (2)") == {}
        (known,) = watch.new("affected")
        assert [one["info"]["test"] for one in known["known"]] == [VIEW]


def test_a_failing_migration_is_told_and_mended(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        watch.mark()
        project.write("migrations/2_price.up.sql", "SELECT 1;\nALTER TABLE itm ADD price int;\n")
        watch.idle()
        assert watch.outcomes() == {}
        (error,) = watch.new("error")
        assert "2_price.up.sql" in error["message"]
        told = error["message"] + error["hint"]
        assert "line 2" in told or ":2" in told
        assert 'relation "itm" does not exist' in told
        ran = watch.edit("migrations/2_price.up.sql", "TABLE itm", "TABLE item")
        assert ran == {"test_items.py::test_insert": "passed"}


def test_no_server_to_be_had(sample: MakeSample) -> None:
    project = sample(FILES | {"pyproject.toml": PYPROJECT + 'version = "9"\n'})
    with project.watch() as watch:
        (error,) = watch.new("error")
        assert "PostgreSQL" in error["message"]
        assert error["hint"]
        assert watch.outcomes() == {}
    done = project.enctest()
    assert done.returncode == 4
    assert "PostgreSQL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plain_run_has_the_database_too(sample: MakeSample) -> None:
    project = sample(FILES)
    done = project.enctest("-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert "INSERT item" in project.enctest("trace", "test_items.py::test_insert").stdout


DECLARED = {
    "migrations/1_items.up.sql": FILES["migrations/1_items.up.sql"],
    "conftest.py": """
        import pytest
        from enctest.config import DatabaseSettings
        from enctest.databases import declared

        @pytest.fixture(scope="session")
        def audit():
            return declared.url("audit", DatabaseSettings(migrations="migrations"))
        """,
    "test_audit.py": """
        import psycopg

        def test_none():
            pass

        def test_url(audit):
            print(audit)
            with psycopg.connect(audit) as connection:
                assert connection.execute("SELECT count(*) FROM item").fetchone() == (0,)
        """,
}


def test_a_database_that_test_code_declares_is_there_when_a_test_asks(sample: MakeSample) -> None:
    project = sample(DECLARED)
    with project.watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        folder = cluster_folder(watch)
        ran = watch.edit("test_audit.py", "(0,)", "(0,), 'empty'")
        assert ran == {"test_audit.py::test_url": "passed"}
        assert any("postgres" in command for command in processes_of(folder))
        ran = watch.edit("migrations/1_items.up.sql", "name text", "name varchar")
        assert ran == {"test_audit.py::test_url": "passed"}
    wait_until("the server is gone", lambda: not processes_of(folder))
    assert project.enctest("-q").returncode == 0
    wait_until("the server is gone", lambda: not processes_of(folder))


def test_no_declaration_starts_no_server(sample: MakeSample) -> None:
    with sample({"test_a.py": "def test_a(): pass\n"}).watch() as watch:
        assert watch.outcomes() == {"test_a.py::test_a": "passed"}
        assert not [command for command in processes_of(watch.sample.root) if "postgres" in command]
