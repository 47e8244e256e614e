"""What a change of migrations touches, read from the statements."""

from __future__ import annotations

import pytest

from enctest.databases.touching import Schema, difference, statements, targets, words

SHOP = statements("""
create table customers (id int primary key);
create type mood as enum ('good');
create table orders (id int primary key, customer int references customers (id), m mood);
create table lines (id int, "order" int references orders (id) on delete cascade);
create view open_orders as select * from orders;
create function note() returns trigger language plpgsql as $$ begin insert into audit values (1); end $$;
create table audit (a int);
create trigger noted after insert on orders for each row execute function note();
create index by_customer on orders (customer);
create table notes (id serial, a int);
create table parts (kind int) partition by list (kind);
create table east partition of parts for values in (1);
create function count_of(t name) returns int language plpgsql as $$ declare n int; begin
    execute 'select count(*) from ' || t into n; return n; end $$;
create function f(int) returns int language sql as 'insert into audit values (1) returning a';
create function g(int) returns int language sql as 'select 1';
""")


def _reached(query: str, change: str) -> bool:
    """Tell whether appended statements reach a test that sends a query."""
    after = [*SHOP, *statements(change)]
    touched = difference(SHOP, after)
    assert touched is not None
    return bool(Schema(after).reach(words(query)) & touched)


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ("SELECT * FROM orders", "alter table orders add x int;"),
        ('select * from "orders" o, notes', "ALTER TABLE ONLY public.orders ADD x int;"),
        ("select * from open_orders", "alter table orders add x int;"),
        ("select * from orders", "alter type mood add value 'bad';"),
        ("select * from audit", "insert into orders values (1);"),
        ("insert into orders values (1)", "alter table audit add x int not null;"),
        ("delete from orders", "alter table lines add x int;"),
        ("insert into orders values (1)", "delete from customers;"),
        ("delete from customers", "create table more (c int references customers);"),
        ("select * from orders", "drop index by_customer;"),
        ("select * from orders", "create unique index concurrently if not exists u on orders (id);"),
        ("select note()", "create or replace function note() returns int language sql as 'select 1';"),
        ("select nextval('notes_a_seq')", "alter sequence notes_a_seq restart;"),
        ("select * from copied", "create table copied as select * from notes; insert into notes values (1);"),
        ("select * from notes", "drop table if exists customers, public.notes cascade;"),
        ("select * from bills", "alter table notes rename to bills;"),
        ("insert into parts values (2)", "create table west partition of parts for values in (2);"),
        ("select * from parts", "alter table east add check (kind > 0);"),
        ("insert into notes values (2)", "alter table parts attach partition notes default;"),
        ("select * from notes", "create table more_notes (b int) inherits (public.notes);"),
        ("select * from open_orders", "create view v as select 1; drop view v, open_orders cascade;"),
        ("select * from notes", "truncate table only notes restart identity;"),
        ("select g(1)", "drop function f(int), g(int);"),
        ("select count_of($1)", "insert into notes (a) values (1);"),
        ("select nextval('notes_id_seq')", "insert into notes (a) values (1);"),
        ("select * from audit", "insert into notes (a) values (f(1));"),
    ],
)
def test_what_uses_it_is_reached(query: str, change: str) -> None:
    assert _reached(query, change)


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ("select * from notes", "alter table orders add x int;"),
        ("select * from customers", "alter table notes add x int; create index on notes (a);"),
        (
            "select * from orders",
            "-- alter table orders\nset lock_timeout to '5s'; comment on table orders is 'x';",
        ),
        ("select * from notes", "insert into notes2 select * from notes;"),
        ("select * from customers", "insert into lines values (1);"),
        ("select * from orders", "create view more as select * from orders;"),
    ],
)
def test_what_does_not_use_it_is_not_reached(query: str, change: str) -> None:
    assert not _reached(query, change)


def test_a_statement_that_fills_from_a_changed_table_spreads_the_change() -> None:
    before = [*SHOP, *statements("insert into notes select id from customers;")]
    after = [
        *SHOP,
        *statements("insert into customers values (1); insert into notes select id from customers;"),
    ]

    assert difference(before, after) == frozenset({"customers", "notes"})


@pytest.mark.parametrize(
    "change",
    [
        "do $$ begin execute 'drop table orders'; end $$;",
        "create extension citext;",
        "alter database shop set timezone to 'UTC';",
        "create role reader;",
        "grant select on orders to public;",
        "create schema other;",
        "select fill();",
        "set search_path to other;",
        'alter table "two words" add x int;',
        "insert into orders with d as (delete from notes returning *) select * from d;",
        "drop table a, (b);",
        "with a as (select 1) insert into orders select * from a;",
    ],
)
def test_what_cannot_be_told_is_not_guessed(change: str) -> None:
    assert difference(SHOP, [*SHOP, *statements(change)]) is None


def test_comments_and_white_space_are_no_difference() -> None:
    before = statements("create table a (b int); insert into a values ('x  y');")
    after = statements("create /* new */ table a (\n  b int -- number\n);\ninsert into a values ('x  y')")

    assert difference(before, after) == frozenset()
    assert difference(
        before, statements("create table a (b int); insert into a values ('x y');")
    ) == frozenset({"a"})


def test_another_order_cannot_be_told() -> None:
    assert difference(SHOP, [*SHOP[1:], SHOP[0]]) is None


def test_a_removed_statement_counts_too() -> None:
    without = [one for one in SHOP if not one.startswith("create table notes")]
    assert difference(SHOP, without) == frozenset({"notes"})
    assert targets("select pg_catalog.setval('public.items_id_seq', 3, true)") == frozenset({"items_id_seq"})


def test_a_look_into_the_catalogs_may_see_anything() -> None:
    assert "*" in words("select count(*) from information_schema.tables")
    assert "*" in words("select obj_description('notes'::regclass)")
    assert difference(SHOP, [*SHOP, *statements("comment on table notes is 'new';")])
    assert "*" not in words("select pg_catalog.version()")
