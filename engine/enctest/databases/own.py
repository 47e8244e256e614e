"""Copies for the workers of one plain run, which was lent its databases as one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from enctest.databases import budget, copies, sockets
from enctest.databases.cloning import Cloner
from enctest.databases.handout import SUPERUSER, Lent
from enctest.databases.protocol import Connection
from enctest.databases.sessions import Session, State
from enctest.databases.sockets import Descriptor

NAME = "enctest-name-of-the-database"
"""Stands for the database's name in `Lent.variables`."""


@dataclass(frozen=True)
class Inherited:
    """A connection that was open before the process was copied, to the database declared as `name`."""

    descriptor: Descriptor
    state: State
    name: str


def make(lent: Sequence[Lent], worker: str) -> list[Lent]:
    """Make copies for one worker; all workers share out the sessions that the server has room for.

    Args:
        lent: What the run was lent.
        worker: Its name, such as `gw1`.

    Raises:
        OSError: The server is gone.
        ServerError: It refused, for example because the disk is full.
    """
    databases = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) * len(lent)
    return [_make(one, f"{one.database}{copies.OF_WORKER}{worker}", databases) for one in lent]


def variables(lent: Iterable[Lent]) -> dict[str, str]:
    """Return the environment variables that lead to the databases."""
    return {key: text.replace(NAME, one.database) for one in lent for key, text in one.variables.items()}


def close_door(lent: Iterable[Lent]) -> None:
    """Let no new sessions into the run's own databases: who comes means to come to a worker's."""
    for one in lent:
        with Connection(one.socket, database=SUPERUSER, user=SUPERUSER, application="enctest") as admin:
            # Not by `alter database`, which other workers do at the same time.
            admin.query("update pg_database set datallowconn = false where datname = $1", one.database)


def open_connections(lent: Iterable[Lent]) -> list[Inherited]:
    """Return this process's connections, before it is copied."""
    found = []
    for one in lent:
        silent = [each for each in sockets.connections(one.door, one.port) if each.is_silent()]
        with Connection(one.socket, database=SUPERUSER, user=SUPERUSER, application="enctest") as admin:
            oid = admin.value("select oid from pg_database where datname = $1", one.database)
        states = sockets.states(silent)
        found += [
            Inherited(each, state, one.name) for each, state in states.items() if str(state.database) == oid
        ]
    return found


def reconnect(inherited: Iterable[Inherited], lent: Iterable[Lent]) -> None:
    """Give a copy of the process sessions of its own in place of those that it shares with others.

    Raises:
        OSError: The server is gone, or has no room for them.
    """
    databases = {one.name: one for one in lent}
    for each in inherited:
        one = databases[each.name]
        session = Session.begin(one.door, each.state.user, one.database, each.state.start)
        session.become(each.state)
        sockets.replace({each.descriptor: session})


def _make(one: Lent, name: str, databases: int) -> Lent:
    with Connection(one.socket, database=SUPERUSER, user=SUPERUSER, application="enctest") as admin:
        copies.prepare(admin)
        limit = budget.of_database(int(admin.value("show max_connections") or 0), databases)
        cloner = Cloner(admin, one.major, one.owner, limit)
        cloner.drop(name)  # of a worker that was killed
        cloner.copy(one.template, name, dressed=one.dressed)
        copies.add(admin, name, one.template, one.name, owner=name)
    return msgspec.structs.replace(one, database=name, limit=limit)
