"""Applications that know nothing of it work in a transaction that is rolled back at the end of each test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.test_isolation import MIGRATION, NAMES, project
from tests.harness import Sample, processes_of, wait_until

# Sequences are not rolled back, so numbers go on.
NUMBERS = {
    r"(open_account\(.*\)|\.pk) == 2\b": r"\1 > 1",
    r"sorted\((.*)\) == \[2, 3.*\]": r"len(set(\1)) > 2",
    r"fetchone\(\) == \(2,\)": "fetchone() > (1,)",
    r"select max\(id\)": "select count(*)",
}
PYPROJECT = """
[tool.pytest.ini_options]
[tool.enctest.databases.shop]
migrations = "migrations"
isolation = "transaction"
"""
AS_WITHOUT_IT = """
import asyncio
import os
import threading
import asyncpg
import psycopg
import psycopg2
import pytest
from psycopg.pq import TransactionStatus

def connect(**options):
    return psycopg.connect(os.environ["DATABASE_URL"], **options)

KEPT = connect(autocommit=True, options="-c search_path=other,public -c work_mem=1MB")
LEFT = []

def state(connection):
    return connection.info.transaction_status

def test_errors_and_savepoints():
    with connect() as one:
        one.execute("INSERT INTO item (name) VALUES ('tea')")
        with pytest.raises(psycopg.errors.DivisionByZero):
            with one.transaction():
                one.execute("SELECT 1/0")
        assert state(one) == TransactionStatus.INTRANS
        with pytest.raises(psycopg.errors.DivisionByZero):
            one.execute("SELECT 1/0")
        assert state(one) == TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            one.execute("SELECT 1")
        one.rollback()
        assert state(one) == TransactionStatus.IDLE
        assert one.execute("SELECT count(*) FROM item").fetchone() == (0,)

def test_what_is_deferred_is_checked_at_commit():
    with connect() as one:
        one.execute("CREATE TABLE part (of_item int REFERENCES item DEFERRABLE INITIALLY DEFERRED)")
        one.commit()
        one.execute("INSERT INTO part VALUES (99)")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            one.commit()
        assert one.execute("SELECT count(*) FROM part").fetchone() == (0,)

def test_the_table_is_gone():
    assert KEPT.execute("SELECT to_regclass('part')").fetchone() == (None,)

def test_read_only():
    with connect() as one:
        one.read_only = True
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            one.execute("INSERT INTO item (name) VALUES ('tea')")
        one.rollback()
        one.read_only = False
        one.execute("INSERT INTO item (name) VALUES ('tea')")

@pytest.mark.parametrize("attempt", range(2))
def test_each_connection_has_its_settings(attempt):
    with connect(autocommit=True) as other:
        if not attempt:
            KEPT.execute("SET TIME ZONE 'Asia/Tokyo'")
        for _ in range(2):
            assert KEPT.execute("SHOW search_path").fetchone() == ("other,public",)
            assert KEPT.execute("SHOW work_mem").fetchone() == ("1MB",)
            assert KEPT.execute("SHOW timezone").fetchone() == ("Asia/Tokyo",)
            assert other.execute("SHOW search_path").fetchone() == ('"$user", public',)
            assert other.execute("SHOW timezone").fetchone() == ("UTC",)

def test_several_statements_in_one_text():
    with connect(autocommit=True) as one:
        one.execute("BEGIN; INSERT INTO item (name) VALUES ('tea'); COMMIT")
        one.execute("BEGIN; INSERT INTO item (name) VALUES ('milk'); ROLLBACK")
        with pytest.raises(psycopg.errors.DivisionByZero):
            one.execute("INSERT INTO item (name) VALUES ('salt'); SELECT 1/0")
        assert one.execute("SELECT name FROM item").fetchall() == [("tea",)]
        assert state(one) == TransactionStatus.IDLE

def test_copying_and_pipelines():
    with connect(autocommit=True) as one:
        with one.cursor() as cursor, cursor.copy("COPY item (name) FROM STDIN") as copy:
            for number in range(20_000):
                copy.write(f"{number}\\n")
        with one.pipeline():
            for number in range(2_000):
                one.execute("INSERT INTO item (name) VALUES (%s)", [str(number)])
        assert one.execute("SELECT count(*) FROM item").fetchone() == (22_000,)
        with one.cursor() as cursor, cursor.copy("COPY item (name) TO STDOUT") as copy:
            assert sum(1 for _ in copy) >= 1

def test_another_driver():
    one = psycopg2.connect(os.environ["DATABASE_URL"])
    with one, one.cursor() as cursor:
        cursor.execute("INSERT INTO item (name) VALUES ('tea')")
    with one.cursor("named") as cursor:
        cursor.execute("SELECT name FROM item")
        assert cursor.fetchall() == [("tea",)]
    one.close()

def test_a_query_is_cancelled_and_a_connection_dropped():
    one = connect(autocommit=True)
    one.execute("INSERT INTO item (name) VALUES ('tea')")
    over = threading.Event()

    def cancel():
        while not over.wait(0.2):
            one.cancel_safe()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        one.execute("SELECT pg_sleep(100)")
    over.set()
    canceller.join()

    async def drop():
        other = await asyncpg.connect(os.environ["DATABASE_URL"])
        sleeping = asyncio.ensure_future(other.execute("SELECT pg_sleep(0.5)"))
        await asyncio.sleep(0.1)
        other.terminate()
        with pytest.raises(asyncpg.PostgresError):
            await sleeping
        third = await asyncpg.connect(os.environ["DATABASE_URL"])
        with pytest.raises(TimeoutError):
            await third.execute("SELECT pg_sleep(100)", timeout=0.2)
        await third.close()

    asyncio.run(drop())
    assert one.execute("SELECT name FROM item").fetchall() == [("tea",)]
    one.close()

@pytest.mark.parametrize("attempt", range(3))
def test_transactions_that_tests_leave_open(attempt):
    LEFT.append(connect())
    for one in LEFT:
        assert one.execute("SELECT count(*) FROM item").fetchone() == (0,)
    LEFT[0].execute("INSERT INTO item (name) VALUES ('tea')") if not attempt else None

def test_a_database_that_is_not_there():
    with pytest.raises(psycopg.OperationalError, match='database "none" does not exist'):
        connect(dbname="none")

def test_what_a_connection_leaves_open_is_undone():
    one = connect()
    one.execute("INSERT INTO item (name) VALUES ('tea')")
    one.close()
    assert KEPT.execute("SELECT count(*) FROM item").fetchone() == (0,)
"""


def rolled_back(sample: MakeSample, name: str) -> Sample:
    """Copy a project of tests/projects/databases, with this isolation."""
    made = project(sample, name)
    made.replace("pyproject.toml", 'isolation = "test"', 'isolation = "transaction"')
    for path in (made.root / "tests").glob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        for pattern, instead in NUMBERS.items():
            text = re.sub(pattern, instead, text)
        path.write_text(text, encoding="utf-8")
    return made


@pytest.mark.parametrize("name", NAMES)
def test_each_test_starts_as_the_first(sample: MakeSample, name: str) -> None:
    done = rolled_back(sample, name).enctest("-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_the_explorer(sample: MakeSample) -> None:
    with rolled_back(sample, "sqlalchemy_sync").watch() as watch:
        assert set(watch.outcomes().values()) == {"passed"}
        for old in ("", " + 0"):
            ran = watch.edit(
                "bank.py", f"account.balance += amount{old}", "account.balance += amount + 0 + 0"
            )
            assert len(ran) == 8
            assert set(ran.values()) == {"passed"}


def test_what_is_done_at_import_and_in_shared_tests_stays(sample: MakeSample) -> None:
    text = """
        import os
        import psycopg
        import pytest

        ONE, OTHER = (psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) for _ in range(2))
        ONE.execute("INSERT INTO item (name) VALUES ('at import')")

        LEFT = []

        def count(connection):
            return connection.execute("SELECT count(*) FROM item").fetchone()[0]

        def add():
            ONE.execute("INSERT INTO item (name) VALUES ('tea')")
            return count(OTHER)

        def test_1(): assert add() == 2
        def test_2(): assert add() == 2

        @pytest.mark.database(isolation="shared")
        class TestTogether:
            def test_3(self): assert add() == 2
            def test_4(self): assert add() == 3

            @pytest.mark.database(isolation="transaction")
            def test_5(self): assert add() == 4

            def test_6(self): assert add() == 4

        def test_7(): assert add() == 5

        @pytest.mark.database(isolation="shared")
        class TestLeftOpen:
            def test_8(self):
                LEFT.append(psycopg.connect(os.environ["DATABASE_URL"]))
                assert add() == 5
                LEFT[0].execute("INSERT INTO item (name) VALUES ('open')")
                with pytest.raises(psycopg.errors.DivisionByZero):
                    LEFT[0].execute("SELECT 1/0")

            def test_9(self): assert count(OTHER) == 5

        def test_10(): assert count(ONE) == 5
        """
    done = sample({"test_app.py": text, "pyproject.toml": PYPROJECT} | MIGRATION).enctest("-p", "no:randomly")
    assert "10 passed" in done.stdout, done.stdout + done.stderr


def test_what_cannot_be_had_is_told(sample: MakeSample) -> None:
    text = """
        import os
        import psycopg
        import pytest

        def connect(**options):
            return psycopg.connect(os.environ["DATABASE_URL"], **options)

        def test_outside_of_transactions_only():
            with connect(autocommit=True) as connection:
                for sql in ("VACUUM", "CREATE DATABASE x", "CREATE INDEX CONCURRENTLY ON item (name)"):
                    with pytest.raises(psycopg.errors.ActiveSqlTransaction) as caught:
                        connection.execute(sql)
                    assert 'isolation = "test"' in caught.value.diag.message_hint
                assert connection.execute("SELECT 1").fetchone() == (1,)

        def test_two_phases():
            with connect(autocommit=True) as connection:
                with pytest.raises(psycopg.errors.FeatureNotSupported, match="two-phase"):
                    connection.execute("PREPARE TRANSACTION 'x'")

        def test_two_that_go_on_in_turns():
            with connect() as one, connect() as other:
                one.execute("INSERT INTO item (name) VALUES ('tea')")
                other.execute("INSERT INTO item (name) VALUES ('milk')")
                refused = psycopg.errors.FeatureNotSupported
                with pytest.raises(refused, match="another connection has a transaction open") as told:
                    one.execute("INSERT INTO item (name) VALUES ('salt')")
                assert 'isolation = "test"' in told.value.diag.message_hint
                other.commit()
                with pytest.raises(refused, match="would be rolled back too"):
                    one.rollback()

        @pytest.mark.database(isolation="test")
        def test_a_database_of_its_own(): pass
        """
    done = sample({"test_app.py": text, "pyproject.toml": PYPROJECT} | MIGRATION).enctest("-p", "no:randomly")
    assert "3 passed, 1 error" in done.stdout, done.stdout
    assert "isolation='test': there are shared, transaction" in done.stdout


def test_a_marker_needs_the_declaration(sample: MakeSample) -> None:
    text = """
        import pytest

        @pytest.mark.database(isolation="transaction")
        def test_it(): pass
        """
    declared = PYPROJECT.replace("transaction", "shared")
    done = sample({"test_app.py": text, "pyproject.toml": declared} | MIGRATION).enctest()
    assert done.returncode == 1
    assert "the database itself has to be declared with it" in done.stdout


def test_tcp_is_refused(sample: MakeSample) -> None:
    declared = PYPROJECT + "tcp = true\n"
    done = sample({"test_app.py": "def test_it(): pass\n", "pyproject.toml": declared} | MIGRATION).enctest()
    assert done.returncode != 0
    assert 'isolation = "transaction" needs the unix socket' in done.stdout + done.stderr


def test_it_is_as_without_it(sample: MakeSample) -> None:
    files = {"test_app.py": AS_WITHOUT_IT, "pyproject.toml": PYPROJECT}
    done = sample(files | MIGRATION).enctest("-p", "no:randomly")
    assert "15 passed" in done.stdout, done.stdout + done.stderr


def test_a_relay_that_is_killed_fails_its_test_only(sample: MakeSample) -> None:
    text = """
        import os
        import signal
        from pathlib import Path
        import psycopg

        def relay():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    line = (entry / "cmdline").read_bytes()
                    if b"enctest.databases.relay" in line and os.environ["FOLDER"].encode() in line:
                        return int(entry.name)

        def test_it():
            folder = psycopg.conninfo.conninfo_to_dict(os.environ["DATABASE_URL"])["host"]
            os.environ["FOLDER"] = folder
            os.kill(relay(), signal.SIGKILL)
            psycopg.connect(os.environ["DATABASE_URL"])

        def test_next(): pass
        """
    project_ = sample({"test_app.py": text, "pyproject.toml": PYPROJECT} | MIGRATION)
    done = project_.enctest("-p", "no:randomly")
    assert "1 failed, 1 error" in done.stdout, done.stdout
    assert "database shop cannot be had" in done.stdout

    project_.replace("test_app.py", "os.kill(relay(), signal.SIGKILL)", "assert relay()")
    again = project_.enctest("-p", "no:randomly")
    assert "2 passed" in again.stdout, again.stdout


def test_nothing_is_left(sample: MakeSample) -> None:
    left = sample(
        {
            "test_app.py": "import os\ndef test_it(): print(os.environ['DATABASE_URL'])\n",
            "pyproject.toml": PYPROJECT,
        }
        | MIGRATION
    )
    done = left.enctest("-s")
    assert done.returncode == 0, done.stdout + done.stderr
    relay = Path(done.stdout.partition("?host=")[2].partition("&")[0].replace("%2F", "/"))
    assert relay.parent.name.startswith("enctest-")
    wait_until("server and relay are gone", lambda: not processes_of(relay.parent))
    assert not relay.parent.exists()
