"""Databases of a process whose server has died, made anew under the same names on a new server."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from enctest import config
from enctest.databases.handout import SUPERUSER, Lent
from enctest.databases.postgresql import PostgreSQL
from enctest.databases.protocol import Connection, ServerError
from enctest.errors import EnctestError
from enctest.paths import Project

_NOT_YET = frozenset({"57P01", "57P02", "57P03"})
"""Said by a server that recovers, because one of its own processes died."""
_PATIENCE, _PAUSE = 20.0, 0.01


def has_died(one: Lent) -> bool:
    """Tell whether the server is gone, or recovers from the death of one of its processes."""
    return _state(one) != "alive"


def _state(one: Lent) -> str:
    try:
        with Connection(one.socket, database=SUPERUSER, user=SUPERUSER, application="enctest"):
            return "alive"
    except ServerError as error:
        return "recovers" if error.sqlstate in _NOT_YET else "alive"
    except OSError:
        return "gone"


class Revival:
    """What this process has started again; to be closed when it needs no more databases.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._providers: list[PostgreSQL] = []

    def revive(self, lent: Sequence[Lent], died: Collection[str]) -> list[Lent]:
        """Return databases of the same names, on servers that answer.

        Those of a server that has recovered by itself are made anew as well: it has forgotten which copies
        there are, and who did something with them.

        Args:
            lent: The databases.
            died: Names of those whose server has died, or has recovered since.

        Raises:
            EnctestError: A server cannot be started, or a migration fails.
        """
        settings = config.load(self._project.root).databases
        dead = [one for one in lent if not _recovered(one) or one.name in died]
        unknown = [one.name for one in dead if one.name not in settings]
        if unknown:
            raise EnctestError(f"the server of database {unknown[0]} is gone, and it is declared no more")
        if not dead:
            return list(lent)
        provider = PostgreSQL(self._project.root, {one.name: settings[one.name] for one in dead})
        self._providers.append(provider)
        found = {}
        for one in dead:
            provider.prepare(one.name, lambda _state, _detail: None)
            found[one.name] = provider.restore(one.name, one.database)
        return [found.get(one.name, one) for one in lent]

    def close(self) -> None:
        """Give everything back."""
        while self._providers:
            self._providers.pop().close()


def _recovered(one: Lent) -> bool:
    """Wait until a server that recovers answers; false if it is gone."""
    deadline = time.monotonic() + _PATIENCE
    while (state := _state(one)) == "recovers" and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return state == "alive"
