"""Gives each test a database of its own, under one name: what is connected to it is moved along.

The name in the application's URL stays. Before a test, a fresh copy gets this name, and this process's
connections are moved to it (see `sockets`); sessions that anybody else has left on the old one are ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from enctest.databases import copies, sockets
from enctest.databases.cloning import Cloner
from enctest.databases.copies import Copy
from enctest.databases.protocol import Connection
from enctest.databases.sockets import Descriptor, Session, State

VARIABLE = "ENCTEST_DATABASES"
"""Says what a process has been lent: a JSON list of `Lent`."""
SUPERUSER = "postgres"
_COUNTS_SINCE = 15
"""Before, sessions are counted some time after they begin."""
_MOMENT = 0.05
"""Seconds that queries of a test that is over may go on."""

Isolation = Literal["shared", "test", "transaction"]


class Lent(msgspec.Struct, frozen=True, kw_only=True):
    """A database that a run has for itself.

    Attributes:
        name: As it was declared.
        database: On the server; the name in the application's URL.
        template, dressed: What it is a copy of.
        socket: Path of the server's unix socket.
        port: On 127.0.0.1; 0 where it does not listen there.
        major: The server's major version.
        owner: Role of the application.
        isolation: What tests get that say nothing else.
        variables: Environment variables that lead there, with `own.NAME` for its name.
        url, superuser_url: Likewise, for the application and for a superuser.
    """

    name: str
    database: str
    template: str
    dressed: bool
    socket: str
    port: int
    major: int
    owner: str
    isolation: Isolation
    variables: dict[str, str]
    url: str
    superuser_url: str


def lent(text: str) -> list[Lent]:
    """Read the variable."""
    return msgspec.json.decode(text, type=list[Lent]) if text else []


def written(databases: Sequence[Lent]) -> str:
    """Return what the variable is to be."""
    return msgspec.json.encode(databases).decode()


@dataclass
class _Ahead:
    """A copy that has been taken for a test to come, and sessions that begin on it meanwhile."""

    copy: Copy
    sessions: dict[Descriptor, Session] = field(default_factory=dict)


class Handout:
    """The copies of one database in one process.

    Args:
        lent: The database.

    Raises:
        OSError: The server is gone; so from every method.
        ServerError: It refused; likewise.
    """

    def __init__(self, lent: Lent) -> None:
        self.lent = lent
        self._admin = Connection(lent.socket, database=SUPERUSER, user=SUPERUSER, application="enctest")
        self._cloner = Cloner(self._admin, lent.major, lent.owner)
        copies.plan(self._admin)
        self._current = self._add(lent.database)
        self._shared: Copy | None = self._current
        self._since = copies.Moment("-infinity", "0", None)
        self._touching: dict[int, str] = {}
        self._states: dict[Descriptor, State] = {}
        self._elsewhere: set[Descriptor] = set()
        self._ahead: _Ahead | None = None
        self._group: object = None
        self._failed = ""

    def give(self, isolation: Isolation, group: object) -> None:
        """Make sure that the database is what a test is to have.

        Args:
            isolation: `test`: nobody has done anything with it. Otherwise the one that such tests share.
            group: What the test has its own database together with, mostly itself.
        """
        if isolation == "test" and self._group is not None and group == self._group:
            return
        untouched = self._look()
        if isolation == "test":
            self._isolate(untouched=untouched)
        else:
            self._share(untouched=untouched)
        self._group = group if isolation == "test" else None

    def failed(self, test: str) -> None:
        """Keep what this test, the last one that was given a database, has made of it."""
        if self._group is not None:
            self._failed = test

    def close(self) -> None:
        """Leave; what a failed test has made is kept."""
        if self._ahead is not None:
            for session in self._ahead.sessions.values():
                session.close()
            copies.discard(self._admin, self._ahead.copy)
        if self._failed:
            copies.put_aside(self._admin, self.lent.database)
            copies.keep(self._admin, self._current, self.lent.name, self._failed)
        self._admin.close()

    # --- which copy ---

    def _share(self, *, untouched: bool) -> None:
        if self._shared is None:
            self._shared = self._current if untouched else self._fresh()
        if self._current != self._shared:
            self._go_to(self._shared)

    def _isolate(self, *, untouched: bool) -> None:
        if self._current == self._shared and untouched and self.lent.isolation == "test":
            self._shared = None  # the lease's own copy will do
        elif self._current == self._shared or not untouched:
            self._go_to(self._fresh())

    def _look(self) -> bool:
        """Tell whether nobody has done anything with the current copy since it was handed over.

        Each query changes its session's `state_change`, and a session that came and went was counted.
        """
        self._touching, sessions = copies.touching(self._admin, self._current, self._since.at)
        if self._failed or self.lent.major < _COUNTS_SINCE:
            return False
        return not self._touching and sessions == self._since.sessions

    def _fresh(self) -> Copy:
        """Take a copy that is ready, or make one."""
        if self._ahead is not None:
            return self._ahead.copy
        found = copies.claim(self._admin, self.lent.template, self.lent.database)
        if found is not None:
            return found
        name = copies.new_name(self._admin)
        self._cloner.copy(self.lent.template, name, dressed=self.lent.dressed)
        return self._add(name)

    def _add(self, name: str) -> Copy:
        lent = self.lent
        return copies.add(self._admin, name, lent.template, lent.name, owner=lent.database)

    # --- going there ---

    def _go_to(self, copy: Copy) -> None:
        """Give the name to `copy`, and move this process's connections to it."""
        old, self._current = self._current, copy
        ahead, self._ahead = self._ahead, None
        begun = ahead.sessions if ahead and ahead.copy == copy else {}
        moving = self._connections_to(old, ahead)
        moved = {
            Descriptor.of(descriptor.number): state
            for descriptor, state in moving.items()
            if self._move(descriptor, state, begun.pop(descriptor, None), copy)
        }
        for session in begun.values():  # of connections that are closed by now
            session.close()
        if self._failed:
            copies.keep(self._admin, old, self.lent.name, self._failed)
        discard = not self._failed and old != self._shared
        self._since = copies.hand_over(
            self._admin, self.lent.database, old, copy, self.lent.template, discard=discard
        )
        self._failed = ""
        self._states = moved
        if old == self._shared:
            self._shared = old.aside()
        if ahead and ahead.copy != copy:
            copies.discard(self._admin, ahead.copy)
        if self._since.ahead is not None:
            self._ahead = _Ahead(self._since.ahead)
            for descriptor, state in self._states.items():
                self._ahead.sessions[descriptor] = self._begin(state, self._ahead.copy)

    def _connections_to(self, old: Copy, ahead: _Ahead | None) -> dict[Descriptor, State]:
        """Return this process's connections to a copy, with their states; busy ones are left to their end."""
        ours = {self._admin.fileno()}
        if ahead is not None:
            ours |= {session.socket.fileno() for session in ahead.sessions.values()}
        found = sockets.connections(self.lent.socket, self.lent.port, ours)
        self._elsewhere &= set(found)
        candidates = [one for one in found if one not in self._elsewhere]
        if not candidates:
            return {}
        if any(not state.startswith("idle") for state in self._touching.values()):
            self._let_end(old)
        known = {one: state for one, state in self._states.items() if state.pid not in self._touching}
        asked = sockets.states(one for one in candidates if one not in known and one.is_silent())
        self._elsewhere |= {one for one, state in asked.items() if state.database != old.oid}
        return {
            one: state
            for one in candidates
            if (state := known.get(one) or asked.get(one)) and state.database == old.oid
        }

    def _let_end(self, old: Copy) -> None:
        """Wait a moment for queries that still run, then end their sessions: nobody may be talking."""
        self._admin.query(f"select pg_sleep({_MOMENT})")
        self._admin.query(
            "select pg_terminate_backend(pid, 1000) from pg_stat_get_activity(null) "
            "where datid = $1::oid and state is not null and state not like 'idle%'",
            str(old.oid),
        )
        self._look()

    def _move(self, descriptor: Descriptor, state: State, session: Session | None, copy: Copy) -> bool:
        """Move a connection; one that cannot be is ended, as any that is left, and False is returned."""
        try:
            session = session or self._begin(state, copy)
            session.settled()
            session.become(state)
            descriptor.replace(session)
        except OSError:  # the server has no room for it; or is gone, which the next query will tell
            return False
        state.pid, state.database = session.pid, copy.oid
        return True

    def _begin(self, state: State, copy: Copy) -> Session:
        return Session.begin(self.lent.socket, state.user, copy.name, state.start)
