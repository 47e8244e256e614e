"""The copies that tests get one by one: a table in the cluster, for every process of the project.

A copy is `ready` (made ahead), `used` (a worker's, under the name that the application knows or about to get
it), `kept` (of a test that failed) or `trash` (to be dropped by a filler).
"""

from __future__ import annotations

from dataclasses import dataclass

from enctest.databases.protocol import Connection

CHANNEL = "enctest_copies"
"""Where fillers listen: a copy was taken, or given back."""
KEPT = 5
"""Copies of failed tests kept for each database."""
_OURS = 1701733237  # advisory lock, while the table is made
_TABLE = f"""
do $$ begin
    perform pg_advisory_xact_lock({_OURS});
    if to_regclass('enctest.copies') is null then
        create schema enctest;
        create unlogged table enctest.copies (
            oid oid primary key, template text not null, database text not null, state text not null,
            owner text not null default '', test text not null default '',
            at timestamptz not null default now());
        create sequence enctest.numbers;
    end if;
end $$"""


@dataclass(frozen=True)
class Copy:
    """A database: its oid, which it has for good, and the name that it had when this was made."""

    oid: int
    name: str


def prepare(connection: Connection) -> None:
    """Make the table, unless it is there."""
    if connection.value("select to_regclass('enctest.copies')") is None:
        connection.query(_TABLE)


def new_name(connection: Connection) -> str:
    """Return a name for a copy that waits."""
    return "enctest_copy_" + (connection.value("select nextval('enctest.numbers')") or "")


def add(connection: Connection, name: str, template: str, database: str, *, owner: str = "") -> Copy:
    """Note a copy: ready, or used by `owner`.

    Args:
        connection: A superuser's session with the database `postgres`.
        name: Its name on the server.
        template: The template's name.
        database: The name that was declared.
        owner: Name of the database that a worker was lent.
    """
    oid = connection.value(
        "insert into enctest.copies (oid, template, database, state, owner) "
        "select oid, $2, $3, $4, $5 from pg_database where datname = $1 "
        "on conflict (oid) do update set state = excluded.state, owner = excluded.owner returning oid",
        name,
        template,
        database,
        "used" if owner else "ready",
        owner,
    )
    return Copy(int(oid or 0), name)


def claim(connection: Connection, template: str, owner: str) -> Copy | None:
    """Take a copy that is ready; None when there is none."""
    rows = connection.query(
        "update enctest.copies c set state = 'used', owner = $2 from pg_database d "
        "where d.oid = c.oid and c.oid = (select oid from enctest.copies "
        "where state = 'ready' and template = $1 limit 1 for update skip locked) returning c.oid, datname",
        template,
        owner,
    )
    return Copy(int(rows[0][0] or 0), rows[0][1] or "") if rows else None


def ready(connection: Connection, template: str) -> int:
    """Return how many copies of a template wait."""
    sql = "select count(*) from enctest.copies where state = 'ready' and template = $1"
    return int(connection.value(sql, template) or 0)


def disown(connection: Connection, owner: str) -> None:
    """Give back what the worker that was lent `owner` had: it ended, and `owner` is made anew, or dropped."""
    if connection.value("select to_regclass('enctest.copies')") is not None:
        connection.query(
            "delete from enctest.copies where oid = (select oid from pg_database where datname = $1); "
            "update enctest.copies set state = 'trash' where state = 'used' and owner = $1; "
            "notify enctest_copies",
            owner,
        )


def swap(connection: Connection, name: str, new: Copy) -> None:
    """Give the name `name` to another database; the one that has it gets another, from its oid.

    `alter database` refuses while there are sessions, out of care for clients that remember the name. Ours
    are to keep it, and sessions know their database by its oid, so the catalog is changed.
    """
    connection.query(
        "update pg_database set datname = 'enctest_copy_of_' || oid where datname = $1; "
        "update pg_database set datname = $1 where oid = $2::oid",
        name,
        str(new.oid),
    )


def keep(connection: Connection, copy: Copy, database: str, test: str) -> None:
    """Keep a used copy, for a look at what `test` made of it; of each database the last few are kept."""
    connection.query(
        "update enctest.copies set state = 'kept', test = $2, at = now() where oid = $1::oid; "
        "update enctest.copies set state = 'trash' where oid in (select oid from enctest.copies "
        "where state = 'kept' and database = $3 order by at desc offset $4::int); notify enctest_copies",
        str(copy.oid),
        test,
        database,
        str(KEPT),
    )


def discard(connection: Connection, copy: Copy) -> None:
    """Give a used copy to whoever drops them."""
    connection.query(
        "update enctest.copies set state = 'trash' where oid = $1::oid; notify enctest_copies", str(copy.oid)
    )


def put_aside(connection: Connection, name: str) -> None:
    """Take the name `name` from the database that has it."""
    connection.query("update pg_database set datname = 'enctest_copy_of_' || oid where datname = $1", name)
