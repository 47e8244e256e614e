"""How many sessions there may be: of a server, and of each worker's databases.

A worker that leaks, or only needs many, meets the limit of its own database, never the server's: so it
takes nothing from another worker.
"""

from __future__ import annotations

import os

LIMIT = 100
"""Sessions that a database may have, unless many workers share the server."""
MOVED = 40
"""Connections that are moved along from test to test; more than that nobody needs again, and they are ended.
As many more sessions are there, on the next test's database, while a test runs."""
_OURS = 100
"""Sessions left to ourselves, to `enctest db`, and to databases that tests make."""
_AT_ONCE = 5
"""Workers that a server has room for at least."""
_MOST = 3000
_LEAST = 5


def of_server() -> int:
    """Return the sessions that a server has room for: two runs at once, with a worker for each core."""
    workers = max(_AT_ONCE, 2 * (os.cpu_count() or 1))
    return min(_MOST, _OURS + workers * (LIMIT + MOVED))


def of_database(server: int, databases: int) -> int:
    """Return the sessions that one database may have.

    Args:
        server: What the server has room for.
        databases: How many are in use at once, in all workers together.
    """
    share = max(0, server - _OURS) // max(1, databases)
    return min(LIMIT, max(_LEAST, share // 2, share - MOVED))
