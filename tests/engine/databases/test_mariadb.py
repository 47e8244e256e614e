"""MariaDB: a real server of the machine's, where there is one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest
from tests.engine.databases.conftest import Shop, eventually, processes

from enctest.config import DatabaseSettings
from enctest.databases import mariadb_server
from enctest.databases.manager import DatabaseManager, Lease
from enctest.databases.mariadb_dump import statements
from enctest.databases.mysql_wire import MySQLConnection, MySQLError
from enctest.databases.resets import lent
from enctest.errors import EnctestError

SETTINGS = DatabaseSettings(engine="mariadb", migrations="migrations")
SQL = """
create table item (id int auto_increment primary key, name varchar(50) unique, data blob);
create table note (item int, foreign key (item) references item (id));
create view names as select name from item;
delimiter $$
create procedure add_item(given varchar(50)) begin insert into item (name) values (given); select 1; end$$
create trigger upper_case before insert on item for each row begin set new.name = upper(new.name); end$$
delimiter ;
insert into item (name, data) values ('tea; "x"', x'00ff27'), ('a\\nb;', null);
insert into note values (1);
"""


@pytest.fixture
def maria(tmp_path: Path) -> Iterator[Shop]:
    """A project with one migration for MariaDB; skipped where the machine has no server."""
    if not list(mariadb_server.installations(tmp_path, "")):
        pytest.skip("this machine has no MariaDB; the packages mariadb-server and mariadb-client bring it")
    shop = Shop(tmp_path)
    shop.write("1_items.up.sql", SQL)
    yield shop
    for manager in shop.managers:
        manager.close()


def manager_of(maria: Shop, settings: DatabaseSettings = SETTINGS) -> DatabaseManager:
    return maria.manager(shop=settings)


def connect(lease: Lease) -> Any:
    values = lease.copies["shop"].values
    return closing(
        pymysql.connect(unix_socket=values["socket"], user=values["user"], database=values["name"])
    )


def query(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_a_lease_is_a_migrated_database(maria: Shop) -> None:
    lease = manager_of(maria).lease("run")
    assert lease.env["DATABASE_URL"].startswith("mysql://enctest@localhost/shop?unix_socket=/")
    with connect(lease) as connection:
        assert query(connection, "select id, name, data from item order by id") == (
            (1, 'TEA; "X"', b"\x00\xff'"),
            (2, "A\nB;", None),
        )
        assert query(connection, "select count(*) from names") == ((2,),)
        assert query(connection, "call add_item('milk')") == ((1,),)
        assert query(connection, "select name from item where id = 3") == (("MILK",),)
        with pytest.raises(pymysql.err.IntegrityError):
            query(connection, "insert into note values (77)")
        query(connection, "create database more")


def test_leases_do_not_see_each_other(maria: Shop) -> None:
    manager = manager_of(maria)
    one, other = manager.lease("one"), manager.lease("other")
    assert one.names != other.names
    with connect(one) as first, connect(other) as second:
        query(first, "delete from note")
        first.commit()
        assert query(second, "select count(*) from note") == ((1,),)
    manager.release(one)
    assert manager.lease("again").names == one.names


def test_a_renewed_copy_is_fresh(maria: Shop) -> None:
    manager = manager_of(maria)
    lease = manager.lease("run")
    with connect(lease) as connection:
        query(connection, "delete from note")
        query(connection, "lock tables item write")
        assert manager.renew(lease) is lease
        with pytest.raises(pymysql.err.OperationalError):
            query(connection, "select 1")
    with connect(lease) as connection:
        assert query(connection, "select count(*) from note") == ((1,),)


def test_between_tests_connections_stay_but_those_in_a_transaction(maria: Shop) -> None:
    lease = manager_of(maria, DatabaseSettings(**{**vars_of(SETTINGS), "isolation": "test"})).lease("run")
    (reset,) = lent(lease.env["ENCTEST_RESETS"])
    with connect(lease) as idle, connect(lease) as busy:
        query(idle, "insert into item (name) values ('milk')")
        idle.commit()
        query(idle, "create table more (id int)")
        query(busy, "delete from note")
        reset.run()
        assert query(idle, "select max(id) from item") == ((2,),)
        assert len(query(idle, "show full tables")) == 3
        with pytest.raises(pymysql.err.OperationalError):
            query(busy, "select 1")


def vars_of(settings: DatabaseSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        (
            "create table a (id int);\n\ninsert into b values (1);\n",
            "2_more.up.sql, line 3: Table 'shop.b' doesn't exist",
        ),
        ("create table a (id int\n", "2_more.up.sql, line 1: You have an error in your SQL syntax"),
    ],
)
def test_a_failing_migration_names_file_and_line(maria: Shop, sql: str, complaint: str) -> None:
    maria.write("2_more.up.sql", sql)
    with pytest.raises(EnctestError) as caught:
        manager_of(maria).prepare()
    assert complaint in caught.value.title
    maria.write("2_more.up.sql", "create table a (id int);\n")
    manager_of(maria).prepare()


def test_a_migration_that_hangs_is_named(maria: Shop) -> None:
    maria.write("0_more.up.sql", "select sleep(1000);\n")
    settings = DatabaseSettings(**{**vars_of(SETTINGS), "migration_timeout": 0.5})
    with pytest.raises(EnctestError, match=r"0_more.up.sql was not done after"):
        manager_of(maria, settings).prepare()


def test_a_changed_migration_makes_other_copies(maria: Shop) -> None:
    manager = manager_of(maria)
    lease = manager.lease("run")
    maria.write("2_more.up.sql", "create table more (id int);\n")
    manager.invalidate()
    with connect(manager.renew(lease)) as connection:
        assert query(connection, "select count(*) from more") == ((0,),)


def test_a_killed_server_is_replaced_and_closing_leaves_nothing(maria: Shop) -> None:
    manager = manager_of(maria)
    lease = manager.lease("run")
    folder = Path(lease.copies["shop"].values["socket"]).parent
    (server,) = (
        pid for pid, line in processes(folder).items() if "--datadir" in line and "supervisor" not in line
    )
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: not processes(folder))
    lease = manager.renew(lease)
    with connect(lease) as connection:
        assert query(connection, "select count(*) from note") == ((1,),)
    folder = Path(lease.copies["shop"].values["socket"]).parent
    manager.close()
    assert not folder.exists()
    assert not processes(folder)


def test_tcp_needs_the_password(maria: Shop) -> None:
    lease = manager_of(maria, DatabaseSettings(**{**vars_of(SETTINGS), "tcp": True})).lease("run")
    values = lease.copies["shop"].values
    where = {"host": values["host"], "port": int(values["port"]), "user": values["user"]}
    with closing(pymysql.connect(**where, password=values["password"], database="shop")) as connection:
        assert query(connection, "select count(*) from note") == ((1,),)
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(**where, password="", database="shop")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"version": "3"}, "no MariaDB 3 was found, only "),
        ({"bin": "nowhere"}, "no MariaDB server was found"),
        ({"migrations": ["make"]}, "MariaDB is migrated by SQL files"),
        ({"seed": "seed.sql"}, "`seed` of database shop means nothing to the engine mariadb"),
    ],
)
def test_what_cannot_be_had_is_told(maria: Shop, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(EnctestError, match=complaint):
        manager_of(maria, DatabaseSettings(**{**vars_of(SETTINGS), **settings})).prepare()


def test_the_protocol(maria: Shop) -> None:
    lease = manager_of(maria).lease("run")
    with MySQLConnection(lease.copies["shop"].values["socket"]) as admin:
        assert admin.query("select null, '', 'é'; do 1; select 2") == [(None, "", "é"), ("2",)]
        ((long,),) = admin.query("select repeat('x', 17000000)")
        assert long is not None
        assert len(long) == 17_000_000
        assert admin.query(f"select length('{long}')") == [("17000000",)]
        with pytest.raises(MySQLError, match="doesn't exist") as caught:
            admin.query("select 1; select * from shop.nothing")
        assert caught.value.number == 1146
        assert admin.query("select 3") == [("3",)]
    with pytest.raises(OSError, match="No such file"):
        MySQLConnection("/nowhere")


def test_the_statements_of_a_dump() -> None:
    dump = """-- a comment

CREATE TABLE a (
  id int
);
DELIMITER ;;
CREATE x BEGIN a; b; END ;;
DELIMITER ;
/*!1 c */;
"""
    assert list(statements(dump)) == [
        "CREATE TABLE a (\n  id int\n)",
        "CREATE x BEGIN a; b; END",
        "/*!1 c */",
    ]
