from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.harness import PATIENCE

from enctest.databases.binaries import Binaries
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look, Shop


def _run(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run statements; return the rows of the last, if it has any."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_failing_migration_names_file_line_and_error(shop: Shop, server: Binaries) -> None:
    shop.write(
        "2_orders.up.sql", "create table orders (id int);\n\nalter table orders\n  add column id2 nonsense;\n"
    )
    manager = shop.manager(server)

    with pytest.raises(EnctestError) as caught:
        manager.prepare()

    place = Path("migrations", "2_orders.up.sql")
    error = f'{place}, line 4: type "nonsense" does not exist (SQLSTATE 42704)'
    assert caught.value.title == f"migration of database shop failed: {error}"
    assert "alter table orders\n  add column id2 nonsense" in caught.value.hint
    assert shop.states() == ["starting", "migrating", "failed"]
    assert shop.statuses[-1][0].detail == caught.value.title


@pytest.mark.parametrize(
    ("sql", "line", "complaint"),
    [
        (
            "insert into items (name) values ('a');\ninsert into items\n  (name) values (null);\n",
            2,
            "null value",
        ),
        ("select 1;\n\nselec 2;\n", 3, "syntax error"),
        ("-- migrate:down\ndrop table items;\n-- migrate:up\nselect 1;\nselect x;\n", 5, "does not exist"),
        ("do $$\nbegin\n  perform 1/0;\nend $$;\n", 1, "division by zero"),
        (
            "-- long ago\ncreate index concurrently on items (name);\n\ncreate index on nowhere (a);\n",
            4,
            "nowhere",
        ),
        ("select 1;\ncopy items from stdin;\n", 2, "use INSERT"),
    ],
)
def test_the_line_is_that_of_the_statement(
    shop: Shop, any_server: Binaries, sql: str, line: int, complaint: str
) -> None:
    shop.write("2_more.up.sql", sql)

    with pytest.raises(EnctestError, match=rf"2_more\.up\.sql, line {line}: .*{complaint}"):
        shop.manager(any_server).prepare()


def test_a_transaction_left_open_is_an_error(shop: Shop, any_server: Binaries) -> None:
    shop.write("2_more.up.sql", "begin; create table forgotten (a int);")

    with pytest.raises(EnctestError, match=r"2_more\.up\.sql leaves its transaction open"):
        shop.manager(any_server).prepare()


def test_a_mended_migration_works_in_the_same_process(shop: Shop, server: Binaries) -> None:
    manager = shop.manager(server)
    shop.write("0_roles.up.sql", "create role reader; create role writer;")
    shop.write("2_more.up.sql", "create table more (a int); grant select on more to reader; selec 1;")
    with pytest.raises(EnctestError):
        manager.lease("too early")

    shop.write("2_more.up.sql", "create table more (a int); grant select on more to reader;")
    manager.invalidate()
    manager.prepare()

    lease = manager.lease("run")
    assert lease.names == {"shop": "shop"}
    assert _run(lease.urls["shop"], "select has_table_privilege('reader', 'more', 'select')") == [(True,)]
    assert shop.states()[-2:] == ["migrating", "ready"]


def test_an_edited_migration_changes_the_next_lease_only(shop: Shop, any_server: Binaries) -> None:
    manager = shop.manager(any_server)
    before = manager.lease("1")

    shop.write("2_more.up.sql", "create table more (a int);")
    manager.invalidate()
    after = manager.lease("2")

    exists = "select to_regclass('more') is not null"
    assert _run(before.urls["shop"], exists) == [(False,)]
    assert _run(after.urls["shop"], exists) == [(True,)]


def test_an_unchanged_database_is_not_migrated_again(shop: Shop, any_server: Binaries) -> None:
    manager = shop.manager(any_server)
    manager.prepare()
    told = len(shop.statuses)

    manager.invalidate()
    manager.prepare()

    assert len(shop.statuses) == told


def test_only_a_few_old_templates_are_kept(shop: Shop, any_server: Binaries) -> None:
    manager = shop.manager(any_server)
    for number in range(5):
        shop.write("2_more.up.sql", f"select {number};")
        manager.prepare()

    rows = _run(
        manager.lease("run").urls["shop"], "select datname from pg_database where datname ~ '^template_shop'"
    )
    assert len(rows) == 3


def test_what_needs_a_superuser_can_be_migrated(shop: Shop, server: Binaries) -> None:
    shop.write(
        "2_ext.up.sql",
        "create extension pg_trgm; create extension dblink; comment on extension dblink is 'x';",
    )

    url = shop.manager(server).lease("run").urls["shop"]

    owners = "select extname, extowner::regrole::text from pg_extension where extname <> 'plpgsql' order by 1"
    assert _run(url, owners) == [("dblink", "enctest"), ("pg_trgm", "enctest")]


def test_what_is_set_on_the_database_itself_is_on_every_copy(shop: Shop, server: Binaries) -> None:
    shop.write(
        "2_set.up.sql",
        "alter database shop set timezone to 'Asia/Tokyo'; revoke temp on database shop from public;",
    )
    manager = shop.manager(server)
    manager.lease("first")

    url = manager.lease("second").urls["shop"]

    rights = (
        "select current_setting('timezone'), has_database_privilege('pg_monitor', current_database(), 'temp')"
    )
    assert _run(url, rights) == [("Asia/Tokyo", False)]


def test_sequences_seeds_and_statistics_come_with_the_copy(shop: Shop, any_server: Binaries) -> None:
    shop.write("2_seed.up.sql", "insert into items (name) select 'n' || g from generate_series(1, 100) g;")
    url = shop.manager(any_server).lease("run").urls["shop"]

    assert _run(url, "insert into items (name) values ('x') returning id") == [(101,)]
    assert _run(url, "select reltuples from pg_class where relname = 'items'") == [(100.0,)]


def test_a_template_dropped_by_another_process_is_made_again(shop: Shop, any_server: Binaries) -> None:
    manager = shop.manager(any_server)
    manager.prepare()
    other = shop.manager(any_server)
    for number in range(3):
        shop.write("2_more.up.sql", f"select {number};")
        other.prepare()

    assert _run(manager.lease("run").urls["shop"], "select count(*) from items") == [(0,)]


def test_closing_interrupts_a_migration_that_never_ends(shop: Shop, any_server: Binaries, look: Look) -> None:
    shop.write("2_slow.up.sql", "select pg_sleep(1000);")
    manager = shop.manager(any_server)
    problems: list[EnctestError] = []

    def prepare() -> None:
        try:
            manager.prepare()
        except EnctestError as error:
            problems.append(error)

    thread = threading.Thread(target=prepare)
    thread.start()
    assert look.eventually(lambda: "migrating" in shop.states())

    manager.close()

    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(problems) == 1
    with pytest.raises(EnctestError, match="are closed"):
        manager.lease("too late")
