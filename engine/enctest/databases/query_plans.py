"""How the server would run a query, whatever its arguments and however few rows there are yet."""

from __future__ import annotations

import json
from typing import Any

from enctest.databases.protocol import Connection, ServerError

_SETTINGS = ("plan_cache_mode = force_generic_plan", "enable_seqscan = off")


def generic_plan(connection: Connection, statement: str, arguments: int) -> dict[str, Any] | None:
    """Return the plan that does without sequential scans wherever an index allows it.

    Args:
        connection: A session of its own: its settings are changed.
        statement: One query, with numbered placeholders; it is planned, not run.
        arguments: How many.

    Returns:
        The topmost node, or None when the server does not take the query.

    Raises:
        OSError: The server went away.
    """
    if ";" in statement:
        return None  # what comes behind it would be run
    nulls = ", ".join(["null"] * arguments)
    try:
        connection.query("; ".join(f"set {setting}" for setting in _SETTINGS))
        connection.query(f"prepare enctest_plan as {statement}")
        rows = connection.query(f"explain (format json) execute enctest_plan({nulls})")
        connection.query("deallocate enctest_plan")
    except ServerError:
        return None
    plan: dict[str, Any] = json.loads("".join(row[0] or "" for row in rows))[0]["Plan"]
    return plan
