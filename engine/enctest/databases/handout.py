"""Gives each test a database of its own, under one name: what is connected to it is moved along.

The name in the application's URL stays. Before a test, a fresh copy gets this name, and this process's
connections are moved to it (see `sockets`); sessions that anybody else has left on the old one are ended.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def lent(text: str) -> list[Lent]:
    """Read the variable."""
    return msgspec.json.decode(text, type=list[Lent]) if text else []


@dataclass
class _Next:
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
        copies.prepare(self._admin)
        self._current = self._add(lent.database)
        self._shared: Copy | None = self._current
        self._stamp, self._sessions = "-infinity", 0
        self._elsewhere: set[Descriptor] = set()
        self._next: _Next | None = None
        self._group: object = None
        self._failed = ""

    def give(self, isolation: Isolation, group: object) -> None:
        """Make sure that the database is what a test is to have.

        Args:
            isolation: `test`: nobody has done anything with it. Otherwise the one that such tests share.
            group: What the test has its own database together with, mostly itself.
        """
        if isolation != "test":
            self._share()
            self._group = None
        elif self._group is None or group != self._group:
            self._isolate()
            self._group = group

    def failed(self, test: str) -> None:
        """Keep what this test, the last one that was given a database, has made of it."""
        if self._group is not None:
            self._failed = test

    def close(self) -> None:
        """Leave; what a failed test has made is kept."""
        if self._next is not None:
            for session in self._next.sessions.values():
                session.close()
        if self._failed:
            copies.put_aside(self._admin, self.lent.database)
            self._retire(self._current)
        self._admin.close()

    # --- which copy ---

    def _share(self) -> None:
        if self._shared is None:
            self._shared = self._current if self._is_untouched() else self._fresh()
        if self._current != self._shared:
            self._go_to(self._shared)

    def _isolate(self) -> None:
        if self._current != self._shared:
            if self._failed or not self._is_untouched():
                self._go_to(self._fresh())
        elif self.lent.isolation == "test" and self._is_untouched():
            self._shared = None  # the lease's own copy will do
        else:
            self._go_to(self._fresh())

    def _is_untouched(self) -> bool:
        """Tell whether nobody has done anything with the current copy since it was handed out.

        Each query changes its session's `state_change`, and a session that came and went was counted.
        """
        if self.lent.major < _COUNTS_SINCE:
            return False
        row = self._admin.query(
            "select count(*) filter (where state_change > $2::timestamptz or state <> 'idle'), "
            "(select sessions from pg_stat_database where datid = $1::oid) "
            "from pg_stat_activity where datid = $1::oid",
            str(self._current.oid),
            self._stamp,
        )[0]
        return row == ("0", str(self._sessions))

    def _fresh(self) -> Copy:
        """Take a copy that is ready, or make one."""
        if self._next is not None:
            return self._next.copy
        found = copies.claim(self._admin, self.lent.template, self.lent.database)
        if found is not None:
            return found
        name = copies.new_name(self._admin)
        self._cloner.copy(self.lent.template, name, dressed=self.lent.dressed)
        return self._add(name)

    def _add(self, name: str) -> Copy:
        lent = self.lent
        return copies.add(self._admin, name, lent.template, lent.name, owner=lent.database)

    def _retire(self, old: Copy) -> None:
        failed, self._failed = self._failed, ""
        if failed:
            copies.keep(self._admin, old, self.lent.name, failed)
        elif old != self._shared:
            copies.discard(self._admin, old)

    # --- going there ---

    def _go_to(self, copy: Copy) -> None:
        """Give the name to `copy`, and move this process's connections to it."""
        begun = self._next.sessions if self._next and self._next.copy == copy else {}
        moving = self._connections_to(self._current)
        copies.swap(self._admin, self.lent.database, copy)
        for descriptor, state in moving.items():
            self._move(descriptor, state, begun.pop(descriptor, None))
        for session in begun.values():  # of connections that are closed by now
            session.close()
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where datid = $1::oid"
        self._admin.query(ended, str(self._current.oid))
        self._retire(self._current)
        self._current = copy
        if self._next is None or self._next.copy == copy:
            self._begin_next(moving)
        self._mark()

    def _connections_to(self, old: Copy) -> dict[Descriptor, State]:
        """Return this process's connections to a copy, with their states; busy ones are left to their end."""
        ours = {self._admin.fileno()}
        if self._next is not None:
            ours |= {session.socket.fileno() for session in self._next.sessions.values()}
        found = sockets.connections(self.lent.socket, self.lent.port, ours)
        self._elsewhere &= set(found)
        candidates = [one for one in found if one not in self._elsewhere]
        if not candidates:
            return {}
        self._let_end(old)
        states: dict[Descriptor, State] = {}
        for descriptor in candidates:
            if not descriptor.is_silent():
                continue
            state = descriptor.state()
            if state.database == old.oid:
                states[descriptor] = state
            else:
                self._elsewhere.add(descriptor)
        return states

    def _let_end(self, old: Copy) -> None:
        """Wait a moment for queries that still run, then end their sessions: nobody may be talking."""
        busy = "select pid from pg_stat_activity where datid = $1::oid and state = 'active'"
        if not self._admin.value(busy, str(old.oid)):
            return
        self._admin.query(f"select pg_sleep({_MOMENT})")
        self._admin.query(
            "select pg_terminate_backend(pid, 1000) from pg_stat_activity "
            "where datid = $1::oid and state = 'active'",
            str(old.oid),
        )

    def _move(self, descriptor: Descriptor, state: State, session: Session | None) -> None:
        if session is None:
            session = self._begin(state, self.lent.database)
        session.settled()
        session.become(state)
        descriptor.replace(session)

    def _begin(self, state: State, database: str) -> Session:
        return Session.begin(self.lent.socket, state.user, database, state.start)

    def _begin_next(self, moved: Mapping[Descriptor, State]) -> None:
        """Take the next test's copy, and let sessions begin there while this test runs."""
        self._next = None
        copy = copies.claim(self._admin, self.lent.template, self.lent.database)
        if copy is not None:
            self._next = _Next(copy)
            for descriptor, state in moved.items():
                now = Descriptor.of(descriptor.number)
                self._next.sessions[now] = self._begin(state, copy.name)

    def _mark(self) -> None:
        """Remember the moment: what happens from now on, the test does."""
        row = self._admin.query(
            "select clock_timestamp(), (select sessions from pg_stat_database where datid = $1::oid)",
            str(self._current.oid),
        )[0]
        self._stamp, self._sessions = row[0] or "", int(row[1] or 0)
