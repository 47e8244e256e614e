"""What failed tests have left in their databases, and what is in those: read for front ends. Calls block."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from enctest import config
from enctest.config import DatabaseSettings
from enctest.databases.changes import TableChange, compare
from enctest.databases.inspection import Found, Inspection
from enctest.databases.protocol import Connection, Row, ServerError, identifier
from enctest.errors import EnctestError

ROWS = 500
"""Rows that are read of one table."""
_WIDEST = 200
"""Characters that are read of one value."""
_TABLES = """
    select format('%I.%I', n.nspname, c.relname), pg_relation_size(c.oid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
        and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    order by 1"""
_COLUMNS = """
    select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped
    order by attnum"""


@dataclass(frozen=True)
class Kept:
    """A database that a failed test has left.

    Attributes:
        name: As it was declared.
        url: Where it is.
        changes: What the test has changed, by table.
    """

    name: str
    url: str
    changes: tuple[TableChange, ...]


@dataclass(frozen=True)
class Table:
    """A table's content.

    Attributes:
        name: With its schema, quoted where it has to be.
        columns: Their names.
        rows: Values as text, None for null; the first `ROWS`.
        is_whole: Whether these are all.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    is_whole: bool


def declared(root: Path) -> dict[str, DatabaseSettings]:
    """Return the PostgreSQL databases that a project declares.

    Raises:
        EnctestError: Its settings cannot be read.
    """
    return {name: one for name, one in config.load(root).databases.items() if one.engine == "postgresql"}


def look(root: Path, test: str) -> tuple[Kept, ...]:
    """Return what was kept of a test, and how it differs from the migrated state; nothing if nothing was."""
    found = []
    try:
        settings = declared(root)
        for name in settings:
            with _reading(root, settings, name, test) as (inspection, database):
                changes = tuple(changed(inspection, database))
                url = inspection.location(database).url(settings[name].scheme or "postgresql")
                found.append(Kept(name, url, changes))
    except EnctestError:
        pass  # the settings are broken, nothing runs, nothing was kept (yet), or it is being dropped
    return tuple(found)


def changed(inspection: Inspection, database: Found) -> list[TableChange]:
    """Compare a database with its template.

    Raises:
        EnctestError: The template is gone.
        OSError: The server is.
        ServerError: It refused.
    """
    name = inspection.template_copy(database).name
    try:
        with inspection.connect(name) as before, inspection.connect(database.database) as after:
            return compare(before, after)
    finally:
        inspection.drop(name)


def shell(inspection: Inspection, database: Found) -> list[str]:
    """Return the command that opens pgcli or psql on a database; empty if there is neither."""
    program = shutil.which("pgcli") or shutil.which("psql") or inspection.program("psql")
    return [program, inspection.location(database).url("postgresql")] if program else []


def opener(root: Path, test: str) -> tuple[str, list[str]]:
    """Return the name of the first database that a test has left, or a run has, and what opens it.

    Raises:
        EnctestError: There is none.
    """
    settings = declared(root)
    problem = EnctestError("no PostgreSQL database is managed here", "See [tool.enctest.databases].")
    for name in settings:
        try:
            with _reading(root, settings, name, test) as (inspection, database):
                return name, shell(inspection, database)
        except EnctestError as error:
            problem = error
    raise problem


def tables(root: Path, name: str, test: str) -> dict[str, int]:
    """Return the tables and views of a database, and their bytes.

    Raises:
        EnctestError: It is not there.
    """
    with _connected(root, name, test) as connection:
        return {table or "": int(size or 0) for table, size in connection.query(_TABLES)}


def read(root: Path, name: str, test: str, table: str) -> Table:
    """Return the content of a table, named as `tables` does.

    Raises:
        EnctestError: It is not there.
    """
    with _connected(root, name, test) as connection:
        return _content(connection, table)


def _content(connection: Connection, table: str) -> Table:
    columns = tuple(column or "" for (column,) in connection.query(_COLUMNS, table))
    if not columns:
        return Table(table, (), (), is_whole=True)
    values = ", ".join(f"left(({identifier(column)})::text, {_WIDEST})" for column in columns)
    sql = f"select {values} from {table} limit {ROWS + 1}"  # noqa: S608 - quoted by the server and here
    rows = tuple(connection.query(sql))
    return Table(table, columns, rows[:ROWS], is_whole=len(rows) <= ROWS)


@contextmanager
def _connected(root: Path, name: str, test: str) -> Iterator[Connection]:
    with (
        _reading(root, declared(root), name, test) as (inspection, database),
        inspection.connect(database.database) as connection,
    ):
        yield connection


@contextmanager
def _reading(
    root: Path, settings: Mapping[str, DatabaseSettings], name: str, test: str
) -> Iterator[tuple[Inspection, Found]]:
    """Look at a database; what the server says against it becomes an error for the user."""
    try:
        with Inspection(root, settings, name) as inspection:
            yield inspection, inspection.find(test)
    except (OSError, ServerError) as error:
        raise EnctestError(f"database {name} cannot be read: {error}") from error
