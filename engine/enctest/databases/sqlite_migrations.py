"""Runs migrations on an SQLite file, statement by statement, and says which one failed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from enctest.databases.migrations import Migration
from enctest.errors import EnctestError

_EXCERPT_LINES = 6


def apply(file: Path, migrations: Iterable[Migration], *, database: str, root: Path) -> None:
    """Run the migrations in order; a file of which one fails is worth nothing.

    Each statement is committed by itself, unless the migration says otherwise: so a PRAGMA has its effect.

    Args:
        file: Made if it is not there.
        migrations: What to run.
        database: Its name, for messages.
        root: What paths in messages are relative to.

    Raises:
        EnctestError: One failed; the message names file, line and SQL error.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = off")  # of this connection; the file is copied when done
        for migration in migrations:
            for start, sql in statements(migration.sql):
                try:
                    connection.execute(sql).fetchall()
                except (sqlite3.Error, sqlite3.Warning) as error:
                    raise _failure(migration, error, start, sql, database, root) from error
            if connection.in_transaction:
                raise EnctestError(
                    f"migration of database {database} failed: "
                    f"{_shown(migration.path, root)} leaves its transaction open",
                    "It needs a COMMIT, or no BEGIN.",
                )
        connection.execute("vacuum")
    if file.with_name(f"{file.name}-wal").exists():
        raise EnctestError(f"migration of database {database} failed: {file.name}-wal cannot be written back")


def statements(sql: str) -> Iterator[tuple[int, str]]:
    """Yield each statement with the place where it starts; the body of a trigger is part of its statement."""
    start = 0
    for end, character in enumerate(sql, 1):
        if character == ";" and sqlite3.complete_statement(sql[start:end]):
            yield from _cut(sql, start, end)
            start = end
    yield from _cut(sql, start, len(sql))


def _cut(sql: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield a statement without blank space and comments before it, if there is one."""
    while start < end:
        if sql[start].isspace():
            start += 1
        elif sql.startswith("--", start):
            start = _after(sql, "\n", start, end)
        elif sql.startswith("/*", start):
            start = _after(sql, "*/", start + 2, end)
        else:
            yield start, sql[start:end]
            return


def _after(sql: str, mark: str, start: int, end: int) -> int:
    place = sql.find(mark, start, end)
    return end if place < 0 else place + len(mark)


def _failure(
    migration: Migration, error: Exception, start: int, sql: str, database: str, root: Path
) -> EnctestError:
    lines = sql.splitlines()
    shown = "\n".join(lines[:_EXCERPT_LINES] + (["..."] if len(lines) > _EXCERPT_LINES else []))
    line = migration.sql.count("\n", 0, start) + 1
    return EnctestError(
        f"migration of database {database} failed: {_shown(migration.path, root)}, line {line}: {error}",
        f"In this statement:\n{shown}\nMend the file and save; the database is made again.",
    )


def _shown(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path
