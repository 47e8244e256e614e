from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enctest.config import DatabaseSettings
from enctest.databases.resets import VARIABLE, Reset, lent
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Shop

Connect = Callable[[], sqlite3.Connection]


@pytest.fixture
def reset(shop: Shop) -> Reset:
    """What a test process knows of an SQLite database with one table `t`."""
    shop.write("1_items.up.sql", "create table t (x);")
    settings = DatabaseSettings(engine="sqlite", migrations="migrations", isolation="test")
    env = shop.manager(shop=settings).lease("run").env
    (found,) = lent(env[VARIABLE])
    assert (found.name, found.isolation, found.variables) == ("shop", "test", ("DATABASE_URL",))
    assert env["DATABASE_URL"] == "sqlite:///" + found.values["path"]
    return found


@pytest.fixture
def connect(reset: Reset) -> Iterator[Connect]:
    """Connect to that; closed at the end."""
    opened: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        opened.append(sqlite3.connect(reset.values["path"], timeout=0, check_same_thread=False))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def _rows(connection: sqlite3.Connection) -> int:
    count: int = connection.execute("select count(*) from t").fetchone()[0]
    return count


def _fill(connection: sqlite3.Connection) -> None:
    connection.execute("insert into t values (1)")
    connection.commit()


@pytest.mark.parametrize("journal", ["delete", "truncate", "wal", "memory"])
def test_open_connections_see_a_fresh_file(reset: Reset, connect: Connect, journal: str) -> None:
    first, second = connect(), connect()
    first.execute(f"pragma journal_mode = {journal}")
    for _ in range(3):
        _fill(first)
        first.execute("create table more (y)")
        assert _rows(second) == 1

        reset.run()

        assert _rows(first) == _rows(second) == 0
        assert second.execute("select name from sqlite_master").fetchall() == [("t",)]
    assert first.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_a_transaction_left_open_is_rolled_back(reset: Reset, connect: Connect) -> None:
    left, other = connect(), connect()
    left.execute("insert into t values (1)")

    reset.run()

    assert not left.in_transaction
    _fill(left)
    assert _rows(left) == _rows(other) == 1


def test_a_transaction_of_another_thread_keeps_the_old_file(reset: Reset) -> None:
    going, done = threading.Event(), threading.Event()

    def work() -> None:
        with closing(sqlite3.connect(reset.values["path"])) as connection:
            connection.execute("insert into t values (1)")
            going.set()
            done.wait(60)
            with pytest.raises(sqlite3.OperationalError):
                connection.commit()

    thread = threading.Thread(target=work)
    thread.start()
    assert going.wait(60)

    reset.run()

    done.set()
    thread.join()
    with closing(sqlite3.connect(reset.values["path"])) as connection:
        assert _rows(connection) == 0


def test_transactions_on_other_files_go_on(reset: Reset, connect: Connect, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("create table t (x)")
        other.execute("insert into t values (1)")
        connect().execute("insert into t values (1)")

        reset.run()

        assert other.in_transaction
        assert _rows(other) == 1


@pytest.mark.parametrize("damage", [b"", b"not a database" * 999, None])
def test_a_file_that_a_test_damaged_is_made_anew(reset: Reset, damage: bytes | None) -> None:
    path = Path(reset.values["path"])
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)

    reset.run()

    with closing(sqlite3.connect(path)) as connection:
        assert _rows(connection) == 0


def test_an_engine_that_cannot_is_told_before_any_test_runs(shop: Shop) -> None:
    (shop.root / "no_resets.py").write_text(
        "from enctest.databases.providers import Copy\n"
        "class Thing:\n"
        "    default_env, fields = 'X', ('url',)\n"
        "    def __init__(self, root, databases): pass\n"
        "    def prepare(self, database, tell): return 'ready'\n"
        "    def create(self, database): return Copy('x', {'url': 'x'})\n"
        "    def drop(self, database, copy): pass\n"
        "    def close(self): pass\n",
        encoding="utf-8",
    )
    shared = shop.manager(thing=DatabaseSettings(engine="no_resets:Thing"))
    (reset,) = lent(shared.lease("run").env[VARIABLE])
    with pytest.raises(EnctestError):
        reset.run()

    manager = shop.manager(thing=DatabaseSettings(engine="no_resets:Thing", isolation="test"))
    with pytest.raises(EnctestError, match="database thing cannot have isolation = 'test'"):
        manager.lease("run")


def test_a_database_in_memory_is_shared_by_threads_and_made_fresh(shop: Shop) -> None:
    shop.write("1_items.up.sql", "create table t (x);")
    manager = shop.manager(
        shop=DatabaseSettings(
            engine="sqlite",
            migrations="migrations",
            options={"memory": True},
            env={"PATH_": "{path}", "URL": "{url}"},
        )
    )
    lease = manager.lease("run")
    assert lease.env["URL"] == "sqlite:///file:shop?mode=memory&cache=shared&uri=true"
    (reset,) = lent(lease.env[VARIABLE])
    assert reset.inside
    reset.run()
    with (
        closing(sqlite3.connect(lease.env["PATH_"], uri=True)) as first,
        closing(sqlite3.connect(lease.env["PATH_"], uri=True, check_same_thread=False)) as second,
    ):
        thread = threading.Thread(target=_fill, args=(second,))
        thread.start()
        thread.join()
        assert _rows(first) == 1

        reset.run()

        assert _rows(first) == _rows(second) == 0
        first.execute("insert into t values (1)")
        with pytest.raises(BlockingIOError, match="an earlier test has left a transaction open"):
            reset.run()
    assert manager.renew(lease) is lease
    manager.release(lease)
