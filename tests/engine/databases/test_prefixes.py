"""Templates that begin with another one, seeds, and the time that migrations may take."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.harness import PATIENCE

from enctest.config import DatabaseSettings
from enctest.databases.binaries import Binaries
from enctest.databases.manager import DatabaseManager
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop

STUBBORN = """do $$ begin loop
    begin perform pg_sleep(1000); exception when query_canceled then end;
end loop; end $$;"""
CLOCK = "create table clock{0} as select clock_timestamp() as t;"


def _run(manager: DatabaseManager, sql: str) -> list[tuple[Any, ...]]:
    """Run SQL on a fresh copy."""
    manager.invalidate()
    lease = manager.lease("test")
    try:
        with psycopg.connect(lease.urls["shop"]) as connection:
            return connection.execute(sql.encode()).fetchall()
    finally:
        manager.release(lease)


def _seeded(shop: Shop, server: Binaries, **settings: Any) -> DatabaseManager:
    settings = {"bin": str(server.bin), "migrations": "migrations", "seed": "seed.sql"} | settings
    return shop.manager(shop=DatabaseSettings(**settings))


def test_an_appended_migration_is_run_alone(shop: Shop, server: Binaries) -> None:
    shop.write("2_clock.up.sql", CLOCK.format(""))
    shop.write("3_set.up.sql", "alter database shop set timezone to 'Asia/Tokyo';")
    manager = shop.manager(server)
    before = _run(manager, "select t from clock")

    shop.write("4_more.up.sql", "create table more (a int); insert into items (name) values ('tea');")

    assert _run(manager, "select t from clock") == before
    assert _run(manager, "select count(*) from more") == [(0,)]
    assert _run(manager, "select name, current_setting('timezone') from items") == [("tea", "Asia/Tokyo")]
    owners = "select distinct tableowner::text from pg_tables where schemaname = 'public'"
    assert _run(manager, owners) == [("enctest",)]


def test_a_changed_migration_is_not_built_upon(shop: Shop, any_server: Binaries) -> None:
    shop.write("2_clock.up.sql", CLOCK.format(""))
    shop.write("3_more.up.sql", "select 1;")
    manager = shop.manager(any_server)
    before = _run(manager, "select t from clock")

    shop.write("3_more.up.sql", "select 2;")
    assert _run(manager, "select t from clock") != before
    shop.write("1_items.up.sql", "create table other (a int);")
    assert _run(manager, "select to_regclass('items')::text") == [(None,)]


def test_each_file_finds_the_session_as_new(shop: Shop, any_server: Binaries) -> None:
    shop.write("2_set.up.sql", "set search_path to ''; create table public.hidden (a int);")
    shop.write("3_more.up.sql", "insert into hidden values (1);")

    assert _run(shop.manager(any_server), "select * from hidden") == [(1,)]


def test_a_seed_is_part_of_the_template_and_runs_last(shop: Shop, any_server: Binaries) -> None:
    shop.write("2_clock.up.sql", CLOCK.format(""))
    seed = shop.root / "seed.sql"
    seed.write_text("insert into items (name) values ('tea');", encoding="utf-8")
    manager = _seeded(shop, any_server)
    assert _run(manager, "select name from items") == [("tea",)]
    assert shop.statuses[-1][0].detail.endswith("2 migrations, seeded")
    before = _run(manager, "select t from clock")

    seed.write_text("insert into items (name) values ('milk');", encoding="utf-8")

    assert _run(manager, "select name from items") == [("milk",)]
    assert _run(manager, "select t from clock") == before


def test_a_seed_alone_and_a_folder_of_seeds(shop: Shop, any_server: Binaries) -> None:
    folder = shop.root / "seeds"
    folder.mkdir()
    (folder / "2.sql").write_text("insert into a values (2);", encoding="utf-8")
    (folder / "1.sql").write_text("create table a (a int); insert into a values (1);", encoding="utf-8")

    assert _run(_seeded(shop, any_server, migrations="", seed="seeds"), "select a from a") == [(1,), (2,)]


def test_a_failing_seed_names_its_line(shop: Shop, any_server: Binaries) -> None:
    (shop.root / "seed.sql").write_text("select 1;\ninsert into itmes values (1);", encoding="utf-8")

    with pytest.raises(EnctestError, match=r"seeding of database shop failed: seed.sql, line 2: relation"):
        _seeded(shop, any_server).prepare()

    with pytest.raises(EnctestError, match=r"the seed folder .*nowhere cannot be read"):
        _seeded(shop, any_server, seed="nowhere").prepare()


@pytest.mark.parametrize(
    "sql",
    [
        "select 1;\n\nselect pg_sleep(1000);",
        "set statement_timeout = 0;\n\nselect pg_sleep(1000);",
        "create index concurrently on items (name);\n\nselect pg_sleep(1000);",
        "select 1;\n\n" + STUBBORN,
    ],
)
def test_a_migration_that_hangs_is_ended_and_named(shop: Shop, any_server: Binaries, sql: str) -> None:
    shop.write("2_slow.up.sql", sql)
    manager = _seeded(shop, any_server, seed="", migration_timeout=1.5)

    with pytest.raises(EnctestError) as caught:
        manager.prepare()

    place = "migrations/2_slow.up.sql, line 3"
    assert caught.value.title == f"migration of database shop failed: {place}: not done after 1.5 s"
    assert "pg_sleep(1000)" in caught.value.hint
    shop.write("2_slow.up.sql", "select 1;")
    assert _run(manager, "select count(*) from items") == [(0,)]


def test_two_processes_that_change_the_template_at_once_have_each_their_own(
    shop: Shop, any_server: Binaries, look: Look
) -> None:
    """One has the files of before, the other those of after; both migrate under the application's name."""
    shop.write("2_slow.up.sql", "create table which as select 1 as a, current_database() from pg_sleep(0.5);")
    first, second = shop.manager(any_server), shop.manager(any_server)
    results: dict[int, list[tuple[Any, ...]]] = {}
    threads = [
        threading.Thread(target=lambda: results.update({1: _run(first, "select a from which")})),
        threading.Thread(target=lambda: results.update({2: _run(second, "select a from which")})),
    ]
    threads[0].start()
    assert look.eventually(lambda: "migrating" in shop.states())

    shop.write("2_slow.up.sql", "create table which as select 2 as a, current_database() from pg_sleep(0.5);")
    threads[1].start()

    for thread in threads:
        thread.join(PATIENCE)
    assert results == {1: [(1,)], 2: [(2,)]}
