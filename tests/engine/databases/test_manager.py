from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from enctest.config import DatabaseSettings
from enctest.databases import folders
from enctest.databases.binaries import Binaries
from enctest.databases.manager import DatabaseManager, Lease
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

RunPython = Callable[..., "subprocess.Popen[str]"]

RUN = """
import json, sys
from pathlib import Path
from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager
from enctest.paths import Project

root = Path(sys.argv[1])
settings = {"shop": DatabaseSettings(bin=sys.argv[2], migrations="migrations")}
manager = DatabaseManager(settings, Project(root=root, invocation=root, state=root, runtime=root))
manager.prepare()
lease = manager.lease("run")
print(json.dumps(lease.env), flush=True)
sys.stdin.read()
manager.close()
"""


def _run(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run statements; return the rows of the last, if it has any."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def _names(url: str) -> set[str]:
    return {name for (name,) in _run(url, "select datname from pg_database where not datistemplate")}


def _folder(lease: Lease) -> Path:
    """Return the folder of the cluster that a lease is in."""
    return Path(lease.urls["shop"].partition("host=")[2].partition("/s&")[0])


def test_without_databases_nothing_happens(shop: Shop) -> None:
    manager = shop.manager()
    threads = threading.active_count()

    manager.prepare()
    lease = manager.lease("run")
    manager.release(lease)

    assert (lease.env, lease.urls, manager.status(), shop.statuses) == ({}, {}, (), [])
    assert threading.active_count() == threads
    assert manager.describe().problems == ()


def test_a_lease_is_a_migrated_database_under_the_application_s_name(shop: Shop, server: Binaries) -> None:
    manager = shop.manager(server)

    manager.prepare()
    lease = manager.lease("run 1")

    url = lease.env["DATABASE_URL"]
    assert lease.urls == {"shop": url}
    assert _run(url, "select current_database(), current_user, count(*) from items") == [
        ("shop", "enctest", 0)
    ]
    assert shop.states() == ["starting", "migrating", "ready"]
    assert shop.statuses[-1][0].detail.startswith(f"PostgreSQL {server.version} (setting), in memory, 1 migr")


def test_leases_do_not_see_each_other(shop: Shop, server: Binaries) -> None:
    manager = shop.manager(server)
    first, second = manager.lease("1"), manager.lease("2")

    _run(first.urls["shop"], "insert into items (name) values ('a')")

    third = manager.lease("3")
    assert [lease.names["shop"] for lease in (first, second, third)] == ["shop", "shop_run2", "shop_run3"]
    counts = [
        _run(lease.urls["shop"], "select count(*) from items")[0][0] for lease in (first, second, third)
    ]
    assert counts == [1, 0, 0]


def test_tests_own_their_database_and_may_make_others(shop: Shop, any_server: Binaries) -> None:
    shop.write(
        "2_more.up.sql", "create schema s; create view s.v as select 1; create type s.e as enum ('a');"
    )
    url = shop.manager(any_server).lease("run").urls["shop"]

    rights = _run(url, "select rolsuper, rolcreatedb from pg_roles where rolname = current_user")
    assert rights == [(False, True)]
    _run(url, "drop view s.v; drop type s.e; drop schema s; truncate items; alter table items add x int")
    _run(url, "create database test_other")
    _run(url, "drop database test_other")


def test_a_released_database_goes_although_it_is_in_use(shop: Shop, server: Binaries, look: Look) -> None:
    manager = shop.manager(server)
    used, watch = manager.lease("1"), manager.lease("2").urls["shop"]
    connection = psycopg.connect(used.urls["shop"])

    manager.release(used)
    manager.release(used)

    assert look.eventually(lambda: _names(watch) == {"postgres", "shop_run2"})
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    connection.close()
    assert look.eventually(lambda: _plain_again(manager))


def _plain_again(manager: DatabaseManager) -> bool:
    lease = manager.lease("again")
    manager.release(lease)
    return lease.names == {"shop": "shop"}


def test_a_killed_server_is_started_again_for_the_next_lease(
    shop: Shop, server: Binaries, look: Look
) -> None:
    manager = shop.manager(server)
    folder = _folder(manager.lease("1"))

    os.kill(look.supervisor(folder), signal.SIGKILL)
    assert look.eventually(lambda: not look.processes(folder))

    lease = manager.lease("2")
    assert _run(lease.urls["shop"], "select count(*) from items") == [(0,)]
    manager.close()
    assert look.nothing_left(_folder(lease))


def test_closing_leaves_nothing(shop: Shop, server: Binaries, look: Look) -> None:
    manager = shop.manager(server)
    leases = [manager.lease(str(number)) for number in range(3)]
    manager.release(leases[0])
    connection = psycopg.connect(leases[1].urls["shop"])

    manager.close()
    manager.close()
    manager.release(leases[2])

    assert look.nothing_left(_folder(leases[0]))
    connection.close()


def test_closing_leaves_the_others_their_server_and_none_of_our_copies(
    shop: Shop, any_server: Binaries
) -> None:
    ours, theirs = shop.manager(any_server), shop.manager(any_server)
    url = theirs.lease("theirs").urls["shop"]
    ours.lease("ours")
    assert _names(url) == {"postgres", "shop", "shop_run2"}

    ours.close()

    assert _names(url) == {"postgres", "shop"}


def test_two_processes_at_once_share_one_template_and_nothing_else(
    shop: Shop, any_server: Binaries, run_python: RunPython, look: Look
) -> None:
    shop.write("2_slow.up.sql", "create table builds as select pg_backend_pid() as pid from pg_sleep(0.2);")
    children = [run_python(RUN, shop.root, any_server.bin) for _ in range(2)]

    urls = [json.loads(child.stdout.readline())["DATABASE_URL"] for child in children if child.stdout]

    assert {_run(url, "select current_database()")[0][0] for url in urls} == {"shop", "shop_run2"}
    assert len({_run(url, "select pid from builds")[0] for url in urls}) == 1
    for child in children:
        child.communicate("")
    folder = Path(urls[0].partition("host=")[2].partition("/s&")[0])
    assert look.eventually(lambda: look.nothing_left(folder))


def test_what_a_killed_process_held_is_free_again(
    shop: Shop, any_server: Binaries, run_python: RunPython, look: Look
) -> None:
    child = run_python(RUN, shop.root, any_server.bin)
    assert child.stdout
    url = json.loads(child.stdout.readline())["DATABASE_URL"]
    _run(url, "insert into items (name) values ('theirs')")
    manager = shop.manager(any_server)
    manager.prepare()

    child.kill()
    child.wait()

    assert look.eventually(lambda: _plain_again(manager))
    assert _run(manager.lease("run").urls["shop"], "select count(*) from items") == [(0,)]


def test_killing_the_last_process_leaves_nothing(
    shop: Shop, server: Binaries, run_python: RunPython, look: Look
) -> None:
    child = run_python(RUN, shop.root, server.bin)
    assert child.stdout
    url = json.loads(child.stdout.readline())["DATABASE_URL"]
    folder = Path(url.partition("host=")[2].partition("/s&")[0])
    connection = psycopg.connect(url)

    child.kill()

    assert look.eventually(lambda: look.nothing_left(folder))
    connection.close()


def test_several_databases_of_several_kinds(shop: Shop, any_server: Binaries) -> None:
    where = str(any_server.bin)
    manager = shop.manager(
        shop=DatabaseSettings(bin=where, migrations="migrations", env=["A_URL", "B_URL"]),
        log=DatabaseSettings(bin=where, tcp=True, env={"LOG": "{user}@{host}/{name}", "LOG_URL": "{url}"}),
    )

    lease = manager.lease("run")

    assert lease.env["A_URL"] == lease.env["B_URL"] == lease.urls["shop"]
    assert lease.env["LOG"] == "enctest@127.0.0.1/log"
    assert _run(lease.urls["shop"], "select current_database()") == [("shop",)]
    assert _run(lease.env["LOG_URL"], "select current_database(), inet_server_port() is null") == [
        ("log", False)
    ]
    assert [status.state for status in manager.status()] == ["ready", "ready"]


def test_one_failing_database_does_not_hide_the_other(shop: Shop, any_server: Binaries) -> None:
    manager = shop.manager(
        bad=DatabaseSettings(bin=str(any_server.bin), migrations="nowhere", env="BAD"),
        good=DatabaseSettings(bin=str(any_server.bin)),
    )

    with pytest.raises(EnctestError, match="nowhere cannot be read"):
        manager.prepare()

    assert [status.state for status in manager.status()] == ["failed", "ready"]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"shop": DatabaseSettings(version="8")}, "no PostgreSQL 8 was found"),
        ({"shop": DatabaseSettings(engine="oracle")}, "no engine of databases is called 'oracle'"),
        ({"shop": DatabaseSettings(engine="no_such:Class")}, "No module named 'no_such'"),
        ({"shop": DatabaseSettings(bin="nowhere")}, "holds no working postgres"),
        ({"shop": DatabaseSettings(), "log": DatabaseSettings()}, "2 databases set the variable"),
        ({"shop": DatabaseSettings(migrations="empty")}, "holds no SQL files"),
        ({"s" * 40: DatabaseSettings()}, "cannot be the name of a database"),
    ],
)
def test_mistakes_are_told_when_preparing_and_by_the_doctor(
    shop: Shop, settings: dict[str, DatabaseSettings], complaint: str
) -> None:
    (shop.root / "empty").mkdir()
    manager = shop.manager(**settings)

    with pytest.raises(EnctestError, match=complaint):
        manager.prepare()

    assert shop.states()[-1] == "failed"
    assert any(complaint in problem.title for problem in manager.describe().problems)


def test_the_doctor_sees_servers_and_folders(
    shop: Shop, any_server: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = shop.manager(any_server)
    report = manager.describe()
    assert report.problems == ()
    assert report.chosen == {"shop": f"PostgreSQL {any_server.version} from setting, {any_server.bin}"}

    monkeypatch.setattr(folders, "ROOM", 1 << 60)
    assert "no folder has" in manager.describe().problems[0].title


def test_the_files_to_watch_and_the_databases_they_touch(shop: Shop) -> None:
    manager = shop.manager(shop=DatabaseSettings(migrations="migrations"), log=DatabaseSettings(env="LOG"))
    file = shop.root / "migrations" / "1_items.up.sql"

    assert manager.migration_files() == {"shop": (file,), "log": ()}
    assert manager.touched([shop.root / "migrations" / "9_new.up.sql", file]) == ("shop",)
    assert manager.touched([shop.root / "a.sql", shop.root / "migrations" / "README.md"]) == ()
