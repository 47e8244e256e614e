"""What a query costs on the database that a failed test has left: measured, and undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from enctest.config import DatabaseSettings
from enctest.databases.inspection import Found, Inspection
from enctest.databases.protocol import Connection, ServerError
from enctest.errors import EnctestError

_SECONDS: Final = 10
_BEGIN: Final = (
    "begin",
    f"set local statement_timeout = '{_SECONDS}s'",
    "set local lock_timeout = '1s'",  # tests may be at work on it
)
_EXPLAIN: Final = "explain (analyze, buffers) "


@dataclass(frozen=True)
class Plan:
    """A plan, line by line, and the database it was measured on, in words."""

    lines: tuple[str, ...]
    database: str


def explain(
    root: Path, settings: Mapping[str, DatabaseSettings], test: str, namespace: str, query: str
) -> Plan:
    """Run a query under EXPLAIN ANALYZE in a transaction that is rolled back.

    Args:
        root: The project's root.
        settings: Its databases.
        test: Whose database, if it was kept; else it is the one of the last run.
        namespace: Name of the database that the query was sent to: a declared one's, or a copy's of it.
        query: One statement; the server refuses more.

    Raises:
        EnctestError: There is no such database, or the server refuses.
    """
    ours = {name: one for name, one in settings.items() if one.engine == "postgresql"}
    name = _declared(ours, namespace)
    try:
        with Inspection(root, ours, name) as inspection:
            found = _found(inspection, test)
            with inspection.session(found) as session:
                lines = _explain(session, query)
    except (OSError, ServerError) as error:
        raise EnctestError(f"no plan: {error}") from error
    left = "as the failed test has left it" if found.state == "kept" else "of the last run, as it is now"
    return Plan(lines, f"{name} {left}")


def _declared(settings: Mapping[str, DatabaseSettings], namespace: str) -> str:
    """Return the declared database that a name belongs to."""
    fitting = [name for name in settings if namespace == name or namespace.startswith(f"{name}_")]
    if fitting:
        return max(fitting, key=len)
    if len(settings) == 1 and not namespace:
        return next(iter(settings))
    raise EnctestError(
        f"database {namespace or 'without a name'} is not managed",
        f"EXPLAIN needs one of those that are: {', '.join(settings) or 'there are none'}.",
    )


def _found(inspection: Inspection, test: str) -> Found:
    kept = (each for each in inspection.databases() if each.state == "kept" and each.test == test)
    return next(kept, None) or inspection.find()


def _explain(session: Connection, query: str) -> tuple[str, ...]:
    for statement in _BEGIN:
        session.query(statement)
    try:
        rows = session.single(_EXPLAIN + query)
    finally:
        session.query("rollback")
    return tuple(row[0] or "" for row in rows)
