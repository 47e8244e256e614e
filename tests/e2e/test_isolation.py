"""Applications that know nothing of it find a database of their own in each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.harness import Sample, processes_of, wait_until

PROJECTS = Path(__file__).parents[1] / "projects" / "databases"
NAMES = sorted(folder.name for folder in PROJECTS.iterdir() if (folder / "pyproject.toml").exists())

PYPROJECT = """
[tool.pytest.ini_options]
[tool.enctest.databases.shop]
migrations = "migrations"
"""
MIGRATION = {"migrations/1_items.up.sql": "CREATE TABLE item (id serial PRIMARY KEY, name text);\n"}
APPLICATION = """
    import os
    import psycopg

    connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

    def add():
        return connection.execute("INSERT INTO item (name) VALUES ('tea') RETURNING id").fetchone()[0]
    """


def project(sample: MakeSample, name: str) -> Sample:
    """Copy a project of tests/projects/databases."""
    folder = PROJECTS / name
    files = [path for path in folder.rglob("*") if path.suffix in {".py", ".sql", ".toml", ".ini"}]
    return sample({str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files})


@pytest.mark.parametrize("name", NAMES)
def test_each_test_sees_only_its_own(sample: MakeSample, name: str) -> None:
    done = project(sample, name).enctest("-n", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "randomly-seed" in done.stdout
    assert "enctest: 4 workers" in done.stdout


def test_in_one_process(sample: MakeSample) -> None:
    done = project(sample, "psycopg_pool").enctest()
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_projects_would_notice_a_leak(sample: MakeSample) -> None:
    shared = project(sample, "asyncpg_pool")
    shared.replace("pyproject.toml", 'isolation = "test"', 'isolation = "shared"')
    done = shared.enctest()
    assert done.returncode == 1
    assert "UniqueViolationError" in done.stdout


def test_in_workers_of_pytest_xdist(sample: MakeSample) -> None:
    done = project(sample, "sqlalchemy_sync").enctest("-n", "2", "--dist=loadscope")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "created: 2/2 workers" in done.stdout


def test_in_the_explorer(sample: MakeSample) -> None:
    with project(sample, "sqlalchemy_sync").watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        ran = watch.edit("bank.py", "account.balance += amount", "account.balance += amount + 0")
        assert len(ran) == 8
        assert set(ran.values()) == {"passed"}


def test_in_a_process_of_its_own(sample: MakeSample) -> None:
    files = {
        "app.py": APPLICATION,
        "test_app.py": """
            import app
            import pytest

            @pytest.mark.isolated
            @pytest.mark.parametrize("attempt", range(3))
            def test_apart(attempt):
                assert app.add() == 1

            def test_together():
                assert app.add() == 1
            """,
    }
    isolated = sample(files | MIGRATION | {"pyproject.toml": PYPROJECT + 'isolation = "test"\n'})
    with isolated.watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
    done = isolated.enctest()
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_nearest_marker_wins(sample: MakeSample) -> None:
    files = {
        "app.py": APPLICATION,
        "test_app.py": """
            import app
            import pytest

            pytestmark = pytest.mark.database(isolation="test")

            def test_alone(): assert app.add() == 1
            def test_alone_too(): assert app.add() == 1

            @pytest.mark.database(isolation="shared")
            class TestTogether:
                def test_one(self): assert app.add() == 1
                def test_two(self): assert app.add() == 2

                @pytest.mark.database("shop", isolation="test")
                def test_alone(self): assert app.add() == 1

                def test_three(self): assert app.add() == 3

                @pytest.mark.database("another", isolation="test")
                def test_four(self): assert app.add() == 4
            """,
    }
    done = sample(files | MIGRATION | {"pyproject.toml": PYPROJECT}).enctest("-p", "no:randomly")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_marker_that_makes_no_sense(sample: MakeSample) -> None:
    text = """
        import pytest

        @pytest.mark.database(isolation="none")
        def test_unknown(): pass

        @pytest.mark.database(level=3)
        def test_argument(): pass
        """
    done = sample({"test_app.py": text, "pyproject.toml": PYPROJECT} | MIGRATION).enctest()
    assert done.returncode == 1
    assert "isolation='none': there are shared, test" in done.stdout
    assert "takes names of databases, and isolation=" in done.stdout


def test_helpers(sample: MakeSample) -> None:
    text = """
        import os

        import psycopg

        def rows(url):
            with psycopg.connect(url) as connection:
                connection.execute("INSERT INTO item (name) VALUES ('tea')")
                return connection.execute("SELECT count(*) FROM item").fetchone()[0]

        def test_more(database_url, new_test_database):
            assert database_url == os.environ["DATABASE_URL"]
            assert [rows(database_url), rows(new_test_database())] == [1, 1]
            assert rows(new_test_database("shop")) == 1
            assert rows(database_url) == 2

        def test_superuser(superuser_url):
            with psycopg.connect(superuser_url) as connection:
                connection.execute("SET session_replication_role = replica")
                assert connection.execute("SELECT count(*) FROM item").fetchone() is not None

        def test_unknown(new_test_database):
            new_test_database("ship")
        """
    project = sample({"test_app.py": text, "pyproject.toml": PYPROJECT} | MIGRATION)
    done = project.enctest()
    assert "2 passed" in done.stdout
    assert "no database 'ship' is declared" in done.stdout


def test_nothing_is_left(sample: MakeSample) -> None:
    left = project(sample, "asyncpg_pool")
    left.replace("tests/test_accounts.py", "async def test_a_transfer(", "async def test_a_transfer_told(")
    left.write("tests/test_where.py", "import os\ndef test_where(): print(os.environ['BANK_DSN'])\n")
    done = left.enctest("-s")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = Path(done.stdout.partition("?host=")[2].partition("&")[0].replace("%2F", "/")).parent
    assert folder.name.startswith("enctest-")
    wait_until("server and filler are gone", lambda: not processes_of(folder))
    assert not folder.exists()


def test_connections_that_are_left_open(sample: MakeSample) -> None:
    text = """
        import os
        import psycopg
        import pytest

        LEFT = []

        @pytest.mark.parametrize("attempt", range(3))
        def test_leaves_many(attempt):
            for _ in range(90):
                LEFT.append(psycopg.connect(os.environ["DATABASE_URL"]))
            LEFT[-1].execute("INSERT INTO item (name) VALUES ('tea')")

        @pytest.mark.parametrize("attempt", range(3))
        def test_has_a_database(attempt):
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                assert connection.execute("SELECT count(*) FROM item").fetchone() == (0,)
        """
    files = {"test_one.py": text, "test_two.py": text, "pyproject.toml": PYPROJECT + 'isolation = "test"\n'}
    done = sample(files | MIGRATION).enctest("-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_query_and_a_transaction_that_go_on(sample: MakeSample) -> None:
    text = """
        import os
        import threading
        import time
        import psycopg

        URL = os.environ["DATABASE_URL"]
        HELD = psycopg.connect(URL)

        def count():
            with psycopg.connect(URL) as connection:
                return connection.execute("SELECT count(*) FROM item").fetchone()[0]

        SLEEPS = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)' AND state = 'active'"

        def wait():
            with psycopg.connect(URL) as connection:
                connection.execute("INSERT INTO item (name) VALUES ('late'); SELECT pg_sleep(100)")

        def test_1():
            HELD.execute("INSERT INTO item (name) VALUES ('tea')")
            threading.Thread(target=wait, daemon=True).start()
            with psycopg.connect(URL, autocommit=True) as connection:
                while not connection.execute(SLEEPS).fetchone():  # else it would begin in a later test
                    time.sleep(0.01)

        def test_2():
            assert count() == 0
            assert HELD.execute("SELECT count(*) FROM item").fetchone() == (0,)
            HELD.execute("LOCK TABLE item")

        def test_3():
            assert count() == 0

        def test_4():
            with psycopg.connect(URL, dbname="postgres", autocommit=True) as connection:
                HELD.close()
                name = psycopg.conninfo.conninfo_to_dict(URL)["dbname"]
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

        def test_5():
            assert count() == 0
        """
    project = sample({"test_app.py": text, "pyproject.toml": PYPROJECT + 'isolation = "test"\n'} | MIGRATION)
    done = project.enctest("-p", "no:randomly")
    assert "5 passed" in done.stdout, done.stdout + done.stderr
