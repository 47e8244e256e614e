"""What a test has changed: the rows in which a database and its template differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from enctest.databases.protocol import Connection

_TABLES = """
    select format('%I.%I', n.nspname, c.relname),
        (select string_agg(format('t.%I', a.attname), ', ' order by a.attnum)
            from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
            where i.indrelid = c.oid and i.indisprimary),
        coalesce(
            (select sum(pg_relation_size(t.relid)) from pg_partition_tree(c.oid) t), pg_relation_size(c.oid))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition
        and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    order by 1"""

_LARGE = 16 * 1024 * 1024
"""Bytes of a table that are too many to read them all."""
_Content = Counter[tuple[str, str]]
"""Rows by key and digest."""


class _Table(NamedTuple):
    """The columns of a table's primary key, and its bytes."""

    key: str
    size: int


@dataclass(frozen=True)
class TableChange:
    """How many rows of a table were added, updated, and deleted.

    Of a table that is large, only how many more or fewer there are is known (`is_rough`).
    """

    table: str
    added: int
    updated: int
    deleted: int
    is_rough: bool = False

    @property
    def told(self) -> str:
        """The numbers in words."""
        if self.is_rough:
            return f"{self.added} rows more" if self.added else f"{self.deleted} rows fewer"
        return f"{self.added} added, {self.updated} updated, {self.deleted} deleted"


def compare(before: Connection, after: Connection) -> list[TableChange]:
    """Compare all tables of two databases, row by row; those that are the same are left out.

    Rows are known by their primary key; without one an update is a deletion and an addition.
    """
    old, new = _tables(before), _tables(after)
    found = []
    for table in sorted(old.keys() | new.keys()):
        if any(table in there and there[table].size > _LARGE for there in (old, new)):
            change = _compare_numbers(table, _number(before, table, old), _number(after, table, new))
        else:
            change = _compare_rows(table, _rows(before, table, old), _rows(after, table, new))
        if change.added or change.updated or change.deleted:
            found.append(change)
    return found


def _compare_numbers(table: str, was: int, now: int) -> TableChange:
    return TableChange(table, max(0, now - was), 0, max(0, was - now), is_rough=True)


def _compare_rows(table: str, was: _Content, now: _Content) -> TableChange:
    gone, come = was - now, now - was
    keys = Counter(key for key, _ in gone.elements() if key) & Counter(key for key, _ in come.elements())
    updated = keys.total()
    return TableChange(table, come.total() - updated, updated, gone.total() - updated)


def _tables(connection: Connection) -> dict[str, _Table]:
    return {name or "": _Table(key or "", int(size or 0)) for name, key, size in connection.query(_TABLES)}


def _number(connection: Connection, table: str, there: Mapping[str, _Table]) -> int:
    if table not in there:
        return 0
    return int(connection.value(f"select count(*) from {table}") or 0)  # noqa: S608 - quoted by the server


def _rows(connection: Connection, table: str, there: Mapping[str, _Table]) -> _Content:
    """Return each row's key and a digest of it; nothing where there is no such table."""
    if table not in there:
        return Counter()
    key = there[table].key
    known = f"row({key})::text" if key else "''"
    rows = connection.query(f"select {known}, md5(t::text) from {table} t")  # noqa: S608 - quoted by the server
    return Counter((known or "", digest or "") for known, digest in rows)
