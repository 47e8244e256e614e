"""What the database server logs appears in the trace of the test whose database it names."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.test_screen import opened
from tests.harness import Sample

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.enctest.databases.shop]
        migrations = "migrations"
        """,
    "migrations/1_items.up.sql": """
        CREATE TABLE item (id serial PRIMARY KEY, name text UNIQUE);
        INSERT INTO item (name) VALUES ('tea'), ('milk');
        """,
    "app.py": """
        import os
        import psycopg

        def connect(url=""):
            return psycopg.connect(url or os.environ["DATABASE_URL"], autocommit=True)

        def run(*statements):
            with connect() as connection:
                for sql in statements:
                    connection.execute(sql)
        """,
    "test_log.py": """
        import threading

        import app
        import psycopg
        import pytest

        def test_error():
            with pytest.raises(psycopg.errors.UniqueViolation):
                app.run("INSERT INTO item (name) VALUES ('tea')")

        def test_slow():
            app.run("SELECT pg_sleep(0.25)")

        def test_quiet():
            app.run("SELECT 1")

        def test_deadlock():
            one, two = app.connect(), app.connect()
            failures = []

            def change(connection, number):
                try:
                    connection.execute("UPDATE item SET name = name WHERE id = %s", [number])
                except psycopg.errors.DeadlockDetected as error:
                    failures.append(error)
                    connection.execute("ROLLBACK")

            one.execute("BEGIN; UPDATE item SET name = name WHERE id = 1")
            two.execute("BEGIN; UPDATE item SET name = name WHERE id = 2")
            other = threading.Thread(target=change, args=(two, 1))
            other.start()
            change(one, 2)
            other.join()
            assert len(failures) == 1
            one.close()
            two.close()

        def test_more(new_test_database):
            with app.connect(new_test_database()) as connection, pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute("SELECT * FROM nothing")
        """,
}
ERRORS = {
    "test_error": ["duplicate key value violates unique constraint"],
    "test_slow": [],
    "test_quiet": [],
    "test_deadlock": ["deadlock detected"],
    "test_more": ['relation "nothing" does not exist'],
}
LOGGER = "postgresql.shop: "


def told(project: Sample, test: str) -> list[str]:
    """Return what `enctest trace` shows of the server's log, as `LEVEL message`."""
    done = project.enctest("trace", f"test_log.py::{test}")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.strip().removeprefix("· ") for line in done.stdout.splitlines() if LOGGER in line]
    return [line.replace(LOGGER, "", 1) for line in lines]


def check(project: Sample) -> None:
    """See that each test has its own lines, and no other's."""
    for test, expected in ERRORS.items():
        lines = told(project, test)
        errors = [line.removeprefix("ERROR ") for line in lines if line.startswith("ERROR ")]
        assert len(errors) == len(expected), lines
        for error, beginning in zip(errors, expected, strict=True):
            assert error.startswith(beginning)
        slow = [line for line in lines if line.startswith("INFO duration: ") and "pg_sleep" in line]
        assert len(slow) == (test == "test_slow")
        assert any("deadlock" in line for line in lines) == (test == "test_deadlock")


@pytest.mark.parametrize("isolation", ["shared", "test"])
@pytest.mark.parametrize("workers", [(), ("-n", "3")])
def test_each_test_has_its_own(sample: MakeSample, isolation: str, workers: tuple[str, ...]) -> None:
    project = sample(FILES)
    project.replace("pyproject.toml", '"migrations"', f'"migrations"\nisolation = "{isolation}"')
    done = project.enctest(*workers)
    assert done.returncode == 0, done.stdout + done.stderr
    check(project)


def test_while_a_test_waits(sample: MakeSample) -> None:
    files = {
        "test_log.py": """
            import app

            def test_waits():
                app.run("SELECT 1")
            """
    }
    project = sample(FILES | files)
    with opened(project, size=(240, 40)) as terminal:
        terminal.see("test_waits", "✓ 1")
        terminal.press("j")
        terminal.press("1")
        terminal.see("setup", "teardown")
        project.replace(
            "test_log.py",
            'app.run("SELECT 1")',
            """with app.connect() as holder:
                    holder.execute("BEGIN; LOCK TABLE item")
                    app.run("SET lock_timeout = 0", "SELECT * FROM item")""",
        )
        terminal.see("still waiting for")
        project.replace("test_log.py", "LOCK TABLE item", "SELECT 2")
        terminal.see("✓ 1")
        terminal.press("q")
        assert terminal.ended() == 0
