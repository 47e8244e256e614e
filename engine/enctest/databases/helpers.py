"""What tests can ask for besides the URL in their environment; the fixtures of the same names use these.

Outside of `enctest` nothing is managed, and each function says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from enctest.databases import copies, own
from enctest.databases.cloning import Cloner
from enctest.databases.handout import SUPERUSER, VARIABLE, Lent, lent
from enctest.databases.protocol import Connection
from enctest.errors import EnctestError

_more: dict[str, Lent] = {}


def database_url(name: str = "") -> str:
    """Return the URL of a managed database, as the application has it.

    Args:
        name: As it was declared; may be left out where there is only one.

    Raises:
        EnctestError: There is no such database.
    """
    one = _lent(name)
    return one.url.replace(own.NAME, one.database)


def superuser_url(name: str = "") -> str:
    """Return the URL of a managed database for a superuser, who may do what the application may not.

    Args:
        name: As it was declared; may be left out where there is only one.

    Raises:
        EnctestError: There is no such database.
    """
    one = _lent(name)
    return one.superuser_url.replace(own.NAME, one.database)


@contextmanager
def new_test_database(name: str = "") -> Iterator[str]:
    """Give the URL of one more copy, migrated and empty, for the length of a `with` block.

    Args:
        name: As it was declared; may be left out where there is only one.

    Raises:
        EnctestError: There is no such database.
        OSError: The server is gone.
        ServerError: It refused, for example because the disk is full.
    """
    one = _lent(name)
    with Connection(one.socket, database=SUPERUSER, user=SUPERUSER, application="enctest") as admin:
        copies.plan(admin)
        copy = copies.claim(admin, one.template, one.database)
        if copy is None:
            made = copies.new_name(admin)
            Cloner(admin, one.major, one.owner).copy(one.template, made, dressed=one.dressed)
            copy = copies.add(admin, made, one.template, one.name, owner=one.database)
    _more[copy.name] = one
    try:
        yield one.url.replace(own.NAME, copy.name)
    finally:
        del _more[copy.name]
        with Connection(one.socket, database=SUPERUSER, user=SUPERUSER, application="enctest") as admin:
            copies.discard(admin, copy)


def more() -> dict[str, Lent]:
    """Return what further copies there are now, by their names on the server."""
    return _more.copy()


def _lent(name: str) -> Lent:
    found = {one.name: one for one in lent(os.environ.get(VARIABLE, ""))}
    if not found:
        raise EnctestError(
            "no database is managed here", "Declare one in [tool.enctest.databases.NAME], and run `enctest`."
        )
    if not name and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        what = f"no database {name!r} is declared" if name else "there are several databases"
        raise EnctestError(what, "Name one of " + ", ".join(sorted(found)) + ".")
    return found[name]
