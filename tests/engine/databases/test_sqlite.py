from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from enctest.config import DatabaseSettings
from enctest.databases import folders, sqlite
from enctest.databases.manager import DatabaseManager
from enctest.databases.sqlite_migrations import statements
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

SETTINGS = DatabaseSettings(engine="sqlite", migrations="migrations")


def _manager(shop: Shop, /, **databases: DatabaseSettings) -> DatabaseManager:
    shop.write("1_items.up.sql", "create table items (id integer primary key, name text not null);\n")
    return shop.manager(**(databases or {"shop": SETTINGS}))


def _path(url: str) -> str:
    assert url.startswith("sqlite:////")
    return url.removeprefix("sqlite:///")


def _run(url: str, sql: str) -> list[Any]:
    with closing(sqlite3.connect(_path(url), isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def test_a_lease_is_a_migrated_file(shop: Shop) -> None:
    shop.write("2_own.up.sql", "-- so that the cache has none of these yet")
    manager = _manager(shop)

    manager.prepare()
    lease = manager.lease("run")

    assert lease.env["DATABASE_URL"] == lease.urls["shop"]
    assert Path(_path(lease.urls["shop"])).name == "shop.db"
    assert _run(lease.urls["shop"], "select count(*) from items") == [(0,)]
    assert shop.states() == ["starting", "migrating", "ready"]
    version = sqlite3.sqlite_version
    assert shop.statuses[-1][0].detail == f"SQLite {version}, in memory, 2 migrations"
    assert manager.describe().chosen == {"shop": f"SQLite {version} of Python"}


def test_leases_do_not_see_each_other_and_names_are_used_again(shop: Shop) -> None:
    manager = _manager(shop)
    first, second = manager.lease("1"), manager.lease("2")

    _run(first.urls["shop"], "insert into items (name) values ('a')")

    assert _run(second.urls["shop"], "select count(*) from items") == [(0,)]
    assert (first.names, second.names) == ({"shop": "shop"}, {"shop": "shop_run2"})
    manager.release(first)
    assert not Path(_path(first.urls["shop"])).exists()
    third = manager.lease("3")
    assert third.env == first.env
    assert _run(third.urls["shop"], "select count(*) from items") == [(0,)]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_renewed_copy_is_fresh_whatever_was_left_open(shop: Shop, journal: str) -> None:
    manager = _manager(shop)
    lease = manager.lease("run")
    url = lease.urls["shop"]
    left = sqlite3.connect(_path(url))
    left.execute(f"pragma journal_mode = {journal}")
    left.execute("insert into items (name) values ('committed')")
    left.commit()
    left.execute("insert into items (name) values ('under way')")

    assert manager.renew(lease) is lease

    assert _run(url, "select count(*) from items") == [(0,)]
    with suppress(sqlite3.OperationalError):  # SQLite may notice that the file is another
        left.commit()
    left.close()
    assert _run(url, "select count(*) from items") == [(0,)]
    assert _run(url, "pragma integrity_check") == [("ok",)]


def test_migrations_run_once_for_each_content(shop: Shop) -> None:
    _manager(shop).prepare()
    shop.statuses.clear()

    again = _manager(shop)
    again.prepare()
    assert shop.states() == ["starting", "ready"]  # from the cache

    shop.write("2_more.up.sql", "create table more (x);")
    again.invalidate()
    assert _run(again.lease("run").urls["shop"], "select count(*) from more") == [(0,)]
    assert "migrating" in shop.states()


def test_a_damaged_file_in_the_cache_is_made_anew(shop: Shop) -> None:
    _manager(shop).prepare()
    for file in sqlite._cached("").parent.glob("*.db"):
        file.write_bytes(b"x" * 4096)
    shop.statuses.clear()

    manager = _manager(shop)
    lease = manager.lease("run")

    assert "migrating" in shop.states()
    assert _run(lease.urls["shop"], "select count(*) from items") == [(0,)]


def test_the_cache_keeps_what_was_used_last(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_KEPT", 2)
    for number in range(4):
        shop.write("2_more.up.sql", f"create table more_{number} (x);")
        _manager(shop).prepare()

    assert len(list(sqlite._cached("").parent.glob("*"))) == 2


def test_a_failing_migration_is_told_with_its_line(shop: Shop) -> None:
    shop.write(
        "2_bad.up.sql",
        "-- a comment; with a semicolon\n"
        "create trigger t after insert on items begin\n"
        "  update items set name = 'x;y'; select 1;\n"
        "end;\n"
        "\n"
        "alter table itm add column price int;\n",
    )
    manager = _manager(shop)

    with pytest.raises(EnctestError, match=r"2_bad.up.sql, line 6: no such table: itm") as caught:
        manager.prepare()

    assert "alter table itm" in caught.value.hint
    assert shop.states()[-1] == "failed"
    shop.write("2_bad.up.sql", "alter table items add column price int;\n")
    assert _run(manager.lease("run").urls["shop"], "select price from items") == []


def test_a_migration_may_not_leave_its_transaction_open(shop: Shop) -> None:
    shop.write("2_bad.up.sql", "begin; create table x (y);")
    with pytest.raises(EnctestError, match=r"2_bad.up.sql leaves its transaction open"):
        _manager(shop).prepare()


def test_pragmas_and_transactions_of_migrations_have_their_effect(shop: Shop) -> None:
    shop.write(
        "2_wal.up.sql",
        "pragma journal_mode = wal; begin; create table x (y); commit; insert into x values (7);",
    )
    url = _manager(shop).lease("run").urls["shop"]
    assert _run(url, "select y from x") == [(7,)]
    assert _run(url, "pragma journal_mode") == [("wal",)]


def test_statements_are_found_with_their_places() -> None:
    sql = "/* a; */ select ';' ;\n\n-- b\nselect 2"
    assert list(statements(sql)) == [(9, "select ';' ;"), (28, "select 2")]


@pytest.mark.parametrize("name", ["a/b", ".hidden"])
def test_a_name_that_is_no_file_s_is_refused(shop: Shop, name: str) -> None:
    manager = _manager(shop, **{name: SETTINGS})
    with pytest.raises(EnctestError, match="cannot be the name of an SQLite database"):
        manager.prepare()
    assert "cannot be the name" in manager.describe().problems[0].title


def test_templates_of_env_and_schemes(shop: Shop) -> None:
    manager = _manager(
        shop,
        shop=DatabaseSettings(engine="sqlite", scheme="sqlite+aiosqlite", env={"U": "{url}", "P": "{path}"}),
    )
    lease = manager.lease("run")
    assert lease.env["U"] == "sqlite+aiosqlite:///" + lease.env["P"]
    assert "DATABASE_URL" not in lease.env


def test_without_room_it_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_ROOM", 1 << 60)
    manager = _manager(shop)
    with pytest.raises(EnctestError, match=r"no folder has .* MB free"):
        manager.prepare()
    assert "no folder has" in manager.describe().problems[0].title


def test_a_full_disk_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = _manager(shop)
    manager.prepare()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("enctest.databases.sqlite.shutil.copyfile", full)
    with pytest.raises(EnctestError, match=r"cannot be copied: .*No space left") as caught:
        manager.lease("run")
    assert "Free some space" in caught.value.hint


def test_closing_leaves_nothing(shop: Shop, look: Look) -> None:
    manager = _manager(shop)
    folder = Path(_path(manager.lease("run").urls["shop"])).parent
    assert look.eventually(lambda: look.processes(folder))

    manager.close()
    manager.close()

    assert look.nothing_left(folder)


def test_a_killed_supervisor_costs_nothing(shop: Shop, look: Look) -> None:
    manager = _manager(shop)
    lease = manager.lease("run")
    folder = Path(_path(lease.urls["shop"])).parent

    assert look.eventually(lambda: look.processes(folder))  # it has just been started
    os.kill(look.supervisor(folder), signal.SIGKILL)
    assert look.eventually(lambda: not look.processes(folder))

    again = manager.renew(lease)
    assert _run(again.urls["shop"], "select count(*) from items") == [(0,)]
    manager.close()
    assert look.nothing_left(folder)
    assert look.nothing_left(Path(_path(again.urls["shop"])).parent)


RUN = """
import sys
from pathlib import Path
from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager
from enctest.paths import Project

root = Path(sys.argv[1])
settings = {"shop": DatabaseSettings(engine="sqlite", migrations="migrations")}
manager = DatabaseManager(settings, Project(root=root, invocation=root, state=root, runtime=root))
print(manager.lease("run").urls["shop"], flush=True)
sys.stdin.read()
"""


def test_killing_the_process_leaves_nothing(
    shop: Shop, run_python: Callable[..., subprocess.Popen[str]], look: Look
) -> None:
    ours = _manager(shop).lease("ours")
    child = run_python(RUN, shop.root)
    assert child.stdout
    folder = Path(_path(child.stdout.readline().strip())).parent
    assert folder != Path(_path(ours.urls["shop"])).parent
    assert folder.is_dir()

    child.kill()

    assert look.eventually(lambda: look.nothing_left(folder))
    assert _run(ours.urls["shop"], "select count(*) from items") == [(0,)]


def test_it_is_in_memory_where_that_is_to_be_had(shop: Shop) -> None:
    path = Path(_path(_manager(shop).lease("run").urls["shop"]))
    assert path.is_relative_to(folders.MEMORY)
    assert path.parent.stat().st_mode & 0o777 == 0o700
