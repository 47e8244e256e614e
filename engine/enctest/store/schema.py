"""The tables of a history, and the way from each version of them to the next."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable

import msgspec

from enctest.events import TestInfo
from enctest.store.rows import StoredTest

_CHECK = 4
"""Bytes at the end of a sealed value."""


class DamagedError(sqlite3.DatabaseError):
    """A row is not what was written: SQLite itself notices only damage of its own structures."""


def seal(key: str, data: bytes) -> bytes:
    """Return `data` with a checksum of it and of the key it is kept under."""
    return data + _sum(key, data)


def opened(key: str | bytes, sealed: str | bytes) -> bytes:
    """Return what `seal` was given.

    Raises:
        DamagedError: It is something else now.
    """
    if isinstance(key, bytes) or isinstance(sealed, str):  # a flipped bit can turn one into the other
        raise DamagedError("an entry is damaged")
    data = sealed[:-_CHECK]
    if sealed[-_CHECK:] != _sum(key, data):
        raise DamagedError(f"the entry of {key} is damaged")
    return data


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Make the tables, or change those of an older version step by step; all of it or nothing.

    Raises:
        sqlite3.DatabaseError: The file is damaged, or was written by a newer enctest.
    """
    if _version(db) == VERSION:
        return
    db.execute("begin immediate")  # another process may be at it: look again when it is our turn
    try:
        _climb(db, _version(db))
        db.execute("commit")
    except BaseException:  # Ctrl+C too: half a step must not stay; it is raised again
        db.execute("rollback")
        raise


def _climb(db: sqlite3.Connection, version: int) -> None:
    if version > VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, this enctest knows {VERSION}")
    for step in _STEPS[version:]:
        step(db)
    db.execute(f"pragma user_version = {VERSION}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("pragma user_version").fetchone()[0])


def _first(db: sqlite3.Connection) -> None:
    for statement in (
        "create table if not exists meta (key text primary key, value blob not null) without rowid",
        """create table if not exists test (
            id text primary key, position integer not null, file text not null, info blob not null,
            outcome text, duration_ms real not null default 0, message text not null default '',
            outdated integer not null default 1, run integer not null default 0
        ) without rowid""",
        "create table if not exists result (test text primary key, data blob not null) without rowid",
        """create table if not exists trace (
            test text not null, kind text not null, run integer not null, data blob not null,
            primary key (test, kind)
        ) without rowid""",
        """create table if not exists dependency (
            kind text not null, key text not null, data blob not null, primary key (kind, key)
        ) without rowid""",
    ):
        db.execute(statement)


def _second(db: sqlite3.Connection) -> None:
    """Checksums; a test in one piece; results of earlier states."""
    db.create_function("seal", 2, seal, deterministic=True)
    db.execute("update meta set value = seal(key, value)")
    db.execute("update result set data = seal(test, data)")
    db.execute("update dependency set data = seal(key, data)")
    db.execute("alter table test rename to old_test")
    db.execute("create table test (id text primary key, position integer not null, data blob not null)")
    columns = "info, position, file, outcome, duration_ms, message, outdated, run"
    for info, position, file, outcome, duration, message, outdated, run in db.execute(
        f"select {columns} from old_test"  # noqa: S608 - a constant
    ).fetchall():
        test = StoredTest(
            info=msgspec.json.decode(info, type=TestInfo),
            position=position,
            file=file,
            outcome=outcome,
            duration_ms=duration,
            message=message,
            outdated=bool(outdated),
            run=run,
        )
        name = test.info.test
        sealed = seal(name, msgspec.msgpack.encode(test))
        db.execute("insert into test values (?, ?, ?)", (name, position, sealed))
    db.execute("drop table old_test")
    _count(db)
    db.execute(
        """create table past (
            id integer primary key, test text not null, data blob not null,
            result blob, trace_run integer, trace blob
        )"""
    )
    _count_rows(db, "past", "'past'")


def _count(db: sqlite3.Connection) -> None:
    """Keep the numbers of rows: a damaged page can lose some of them without another trace."""
    db.execute("create table total (name text primary key, rows integer not null) without rowid")
    db.execute("insert into total select kind, count(*) from dependency group by kind")
    db.execute(
        "insert into total select 'tests', count(*) from test union all select 'meta', count(*) from meta"
    )
    for table, name in (("dependency", "{row}.kind"), ("test", "'tests'"), ("meta", "'meta'")):
        _count_rows(db, table, name)


def _count_rows(db: sqlite3.Connection, table: str, name: str) -> None:
    for event, row, step in (("insert", "new", 1), ("delete", "old", -1)):
        trigger = f"create trigger {table}_{event} after {event} on {table}"
        change = f"insert into total values ({name.format(row=row)}, {step})"  # noqa: S608 - constants of ours
        db.execute(f"{trigger} begin {change} on conflict (name) do update set rows = rows + {step}; end")


_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _second)
VERSION = len(_STEPS)
"""Version of the tables."""


def _sum(key: str, data: bytes) -> bytes:
    return zlib.crc32(data, zlib.crc32(key.encode("utf-8", "surrogatepass"))).to_bytes(_CHECK, "big")
