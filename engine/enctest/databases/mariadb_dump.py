"""Filling a MariaDB database from a dump, and making one fresh in the process that runs its tests."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from enctest.databases.mysql_wire import MySQLConnection, MySQLError, literal, quoted

_GONE = 1094
"""What the server says of a session that has ended by itself."""
_LOCKED = frozenset({1205, 1010})
"""And of a table, or its database, that a transaction holds."""
_PAUSE, _SECONDS = 0.01, 10.0
_STALE = 0.15
"""Seconds after which everybody has to go: who is in a transaction is told as it was up to 0.1 s ago."""
_DELIMITER = "DELIMITER "
_BUSY = """
    select p.id from information_schema.processlist p
    left join information_schema.innodb_trx t on t.trx_mysql_thread_id = p.id
    where p.db = {name} and p.id <> connection_id() and (t.trx_id is not null or p.command <> 'Sleep')"""
_ALL = "select id from information_schema.processlist where db = {name} and id <> connection_id()"


def reset(values: Mapping[str, str]) -> None:
    """Make a database anew from its dump; connections stay, but for those in the middle of something.

    Raises:
        OSError: The server does not answer, or refuses.
    """
    try:
        with MySQLConnection(values["socket"]) as admin:
            refill(admin, values["name"], Path(values["dump"]))
    except MySQLError as error:
        raise ConnectionError(f"it refuses: {error}") from error


def refill(admin: MySQLConnection, name: str, dump: Path, *, end_all: bool = False) -> None:
    """Make a database anew from a dump.

    A session knows its database by name, so it finds the new one. One that is in a transaction, or at a
    statement, would hold the old one; it is ended.

    Args:
        admin: A session that may do everything.
        name: The database.
        dump: What mariadb-dump wrote.
        end_all: End the idle sessions too.

    Raises:
        OSError: The server went away.
        MySQLError: It refuses.
    """
    there = quoted(name)
    begun = time.monotonic()
    admin.query("set session lock_wait_timeout = 0")
    while True:
        waited = time.monotonic() - begun
        _end(admin, (_ALL if end_all or waited > _STALE else _BUSY).format(name=literal(name)))
        try:
            admin.query(f"drop database if exists {there}; create database {there}; use {there}")
            break
        except MySQLError as error:
            if error.number not in _LOCKED or waited > _SECONDS:
                raise
            time.sleep(_PAUSE)
    admin.query(f"set session lock_wait_timeout = {_SECONDS:.0f}")
    for sql in statements(dump.read_text(encoding="utf-8", errors="surrogateescape")):
        admin.query(sql)


def _end(admin: MySQLConnection, which: str) -> None:
    """End sessions, and wait until they are gone."""
    numbers = [number or "" for (number,) in admin.query(which)]
    for number in numbers:
        try:
            admin.query(f"kill connection {number}")
        except MySQLError as error:
            if error.number != _GONE:
                raise
    left = f"select 1 from information_schema.processlist where id in ({', '.join(numbers)})"  # noqa: S608 - numbers
    deadline = time.monotonic() + _SECONDS
    while numbers and admin.query(left) and time.monotonic() < deadline:
        time.sleep(_PAUSE / 5)


def statements(dump: str) -> Iterator[str]:
    """Return the statements of a dump: it ends a line with each, and has no line breaks in texts."""
    end, lines = ";", list[str]()
    for line in dump.split("\n"):
        if line.startswith(_DELIMITER):
            end = line.removeprefix(_DELIMITER).strip()
        elif line.endswith(end):
            lines.append(line[: -len(end)])
            sql = "\n".join(lines).strip()
            lines.clear()
            if sql:
                yield sql
        elif lines or not (line.startswith("--") or not line.strip()):
            lines.append(line)
