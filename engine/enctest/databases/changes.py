"""What a test has changed: the rows in which a database and its template differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from enctest.databases.protocol import Connection

_TABLES = """
    select format('%I.%I', n.nspname, c.relname),
        (select string_agg(format('t.%I', a.attname), ', ' order by a.attnum)
            from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
            where i.indrelid = c.oid and i.indisprimary)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition
        and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    order by 1"""


@dataclass(frozen=True)
class TableChange:
    """How many rows of a table were added, updated, and deleted."""

    table: str
    added: int
    updated: int
    deleted: int


def compare(before: Connection, after: Connection) -> list[TableChange]:
    """Compare all tables of two databases, row by row; those that are the same are left out.

    Rows are known by their primary key; without one an update is a deletion and an addition.
    """
    old, new = _tables(before), _tables(after)
    found = []
    for table in sorted(old.keys() | new.keys()):
        was = _rows(before, table, old[table]) if table in old else Counter[tuple[str, str]]()
        now = _rows(after, table, new[table]) if table in new else Counter[tuple[str, str]]()
        gone, come = was - now, now - was
        keys = Counter(key for key, _ in gone.elements() if key) & Counter(key for key, _ in come.elements())
        updated = keys.total()
        change = TableChange(table, come.total() - updated, updated, gone.total() - updated)
        if change.added or change.updated or change.deleted:
            found.append(change)
    return found


def _tables(connection: Connection) -> dict[str, str]:
    """Return the columns of each table's primary key."""
    return {name or "": key or "" for name, key in connection.query(_TABLES)}


def _rows(connection: Connection, table: str, key: str) -> Counter[tuple[str, str]]:
    """Return each row's key and a digest of it."""
    known = f"row({key})::text" if key else "''"
    rows = connection.query(f"select {known}, md5(t::text) from {table} t")  # noqa: S608 - quoted by the server
    return Counter((known or "", digest or "") for known, digest in rows)
