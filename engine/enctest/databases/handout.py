"""Gives each test a database of its own, under one name: what is connected to it is moved along.

The name in the application's URL stays. Before a test, a fresh copy gets this name, and this process's
connections are moved to it (see `sockets`); sessions that anybody else has left on the old one are ended.
"""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from enctest.databases import copies, sockets
from enctest.databases.budget import LIMIT, MOVED
from enctest.databases.cloning import Cloner
from enctest.databases.copies import Activity, Copy
from enctest.databases.protocol import Connection
from enctest.databases.sessions import Session, State
from enctest.databases.sockets import Descriptor

VARIABLE = "ENCTEST_DATABASES"
"""Says what a process has been lent: a JSON list of `Lent`."""
SUPERUSER = "postgres"
_COUNTS_SINCE = 15
"""Before, sessions are counted some time after they begin."""
_WORK, _BEGINNING = 0.25, 5.0
"""Seconds that queries of a test that is over may go on, and that connections may take to begin."""
_PAUSE, _ROOM_SECONDS = 0.001, 3.0

Isolation = Literal["shared", "test"]


class Lent(msgspec.Struct, frozen=True, kw_only=True):
    """A database that a run has for itself.

    Attributes:
        name: As it was declared.
        database: On the server; the name in the application's URL.
        template, dressed: What it is a copy of.
        socket: Path of the server's unix socket.
        log: Path of what the server says.
        port: On 127.0.0.1; 0 where it does not listen there.
        major: The server's major version.
        owner: Role of the application.
        limit: Sessions that may be connected to it.
        isolation: What tests get that say nothing else.
        relay: The folder of the relay that applications connect to; empty where there is none.
        variables: Environment variables that lead there, with `own.NAME` for its name.
        url, superuser_url: Likewise, for the application and for a superuser.
    """

    name: str
    database: str
    template: str
    dressed: bool
    socket: str
    log: str
    port: int
    major: int
    owner: str
    limit: int = LIMIT
    isolation: Isolation
    variables: dict[str, str]
    url: str
    superuser_url: str
    relay: str = ""

    @property
    def folder(self) -> str:
        """The folder of the unix socket that applications connect to."""
        return self.relay or str(Path(self.socket).parent)

    @property
    def door(self) -> str:
        """That socket."""
        return f"{self.folder}/{Path(self.socket).name}"


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
        self._cloner = Cloner(self._admin, lent.major, lent.owner, lent.limit)
        copies.plan(self._admin)
        self._current = self._add(lent.database)
        self._shared: Copy | None = self._current
        self._since = copies.Moment("-infinity", "0")
        self._touching: dict[int, str] = {}
        self._states: dict[Descriptor, State] = {}
        self._elsewhere: set[Descriptor] = set()
        self._ahead: _Ahead | None = None
        self._spare: Copy | None = None
        self._is_ending = False
        self._group: object = None
        self._failed = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What sessions of the running test may have asked for when they began."""
        return self.lent.database, self._current.name

    def give(self, isolation: Isolation, group: object) -> None:
        """Make sure that the database is what a test is to have.

        Args:
            isolation: `test`: nobody has done anything with it. Otherwise the one that such tests share.
            group: What the test has its own database together with, mostly itself.
        """
        if isolation == "test" and self._group is not None and group == self._group:
            return
        self._receive()
        if isolation == "test" and self._ahead is not None and self._current != self._shared:
            self._turn(self._ahead)
        elif isolation == "test":
            self._isolate(untouched=self._look())
        else:
            self._share(untouched=self._look())
        self._group = group if isolation == "test" else None

    def failed(self, test: str) -> None:
        """Keep what this test, the last one that was given a database, has made of it."""
        if self._group is not None:
            self._failed = test

    def close(self) -> None:
        """Leave; what a failed test has made is kept."""
        self._receive()
        if self._ahead is not None:
            for session in self._ahead.sessions.values():
                session.close()
            copies.discard(self._admin, self._ahead.copy)
        if self._spare is not None:
            copies.discard(self._admin, self._spare)
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
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        found = self._claim()
        if found is not None:
            return found
        name = copies.new_name(self._admin)
        self._cloner.copy(self.lent.template, name, dressed=self.lent.dressed, patience=_ROOM_SECONDS)
        return self._add(name)

    def _claim(self) -> Copy | None:
        return copies.claim(self._admin, self.lent.template, self.lent.database)

    def _add(self, name: str) -> Copy:
        lent = self.lent
        return copies.add(self._admin, name, lent.template, lent.name, owner=lent.database)

    # --- going there ---

    def _turn(self, ahead: _Ahead) -> None:
        """Look whether the current copy was touched, and go to the next one if so, at once."""
        begun = _settled(ahead.sessions)
        anyway = bool(self._failed) or self.lent.major < _COUNTS_SINCE
        since, self._touching = copies.turn(
            self._admin,
            self.lent.database,
            self._current,
            ahead.copy,
            self._since,
            limit=self.lent.limit,
            anyway=anyway,
        )
        if since is None:
            ahead.sessions = begun
            return
        self._since, self._ahead = since, None
        self._move_to(ahead.copy, begun)

    def _go_to(self, copy: Copy) -> None:
        """Give the name to `copy`, and move this process's connections to it."""
        ahead, self._ahead = self._ahead, None
        begun = _settled(ahead.sessions) if ahead else {}  # a session that begins must not miss the name
        if ahead and ahead.copy != copy:
            for session in begun.values():
                session.close()
            begun = {}
            if self._spare is not None:
                copies.discard(self._admin, self._spare)
            self._spare = ahead.copy
        self._since = copies.name_over(self._admin, self.lent.database, copy, self.lent.limit)
        self._move_to(copy, begun)

    def _move_to(self, copy: Copy, begun: dict[Descriptor, Session]) -> None:
        """Move this process's connections to `copy`, which has the name, and prepare for what comes next."""
        old, self._current = self._current, copy
        self._states = self._move_all(old, copy, begun)
        for session in begun.values():  # of connections that are closed by now
            session.close()
        if self._failed:
            copies.keep(self._admin, old, self.lent.name, self._failed)
        following, self._spare = self._spare or self._claim(), None
        self._end(old)
        if following is not None:
            self._ahead = _Ahead(following)
            for descriptor, state in self._states.items():
                session = self._ahead.sessions[descriptor] = self._begin(state, following.name)
                session.dress(state)

    def _end(self, old: Copy) -> None:
        """Have the sessions that are left on a copy ended, and one more copy taken, while the test begins."""
        discard = not self._failed and old != self._shared
        copies.end(self._admin, old, discard=discard, template=self.lent.template, owner=self.lent.database)
        self._is_ending = True
        self._failed = ""
        if old == self._shared:
            self._shared = old.aside()

    def _receive(self) -> None:
        """Take what `_end` has asked for."""
        if self._is_ending:
            self._is_ending = False
            self._spare = copies.ahead(self._admin)

    def _move_all(self, old: Copy, copy: Copy, begun: dict[Descriptor, Session]) -> dict[Descriptor, State]:
        """Move this process's connections, also those that begin just now; return what they are."""
        ours = {self._admin.fileno(), *(session.socket.fileno() for session in begun.values())}
        moved: dict[Descriptor, State] = {}
        begun_at = time.monotonic()
        while True:
            states, patience = self._connections_to(old, ours, moved)
            moved |= self._move({one: (state, begun.pop(one, None)) for one, state in states.items()}, copy)
            if time.monotonic() >= begun_at + patience:
                return moved
            time.sleep(_PAUSE)

    def _connections_to(
        self, old: Copy, ours: set[int], moved: Container[Descriptor]
    ) -> tuple[dict[Descriptor, State], float]:
        """Look for connections of this process to a copy.

        Returns:
            States of those that nobody uses now, and for how many seconds others are worth waiting for.
        """
        found = sockets.connections(self.lent.socket, self.lent.port, ours)
        self._elsewhere &= set(found)
        candidates = [one for one in found if one not in self._elsewhere and one not in moved]
        candidates = sorted(candidates, key=lambda one: one.number)[:MOVED]  # pools mostly came first
        if not candidates:
            return {}, 0.0
        states = {one: state for one in candidates if (state := self._unchanged(one)) is not None}
        unknown = [one for one in candidates if one not in states and one.is_silent()]
        idle = [one for one in unknown if self._was_idle(one)]
        if len(idle) == len(unknown):  # mostly
            return states | sockets.states(idle), 0.0
        activity = copies.sessions(self._admin)
        servers = self._servers(unknown, activity, old)
        if not servers and not self._knows_servers():
            return states | self._guessed(unknown, activity, old), 0.0
        on = {one: activity[pid] for one, pid in servers.items()}
        here = {one for one, session in on.items() if session.database == old.oid}
        begins = {one for one in unknown if one not in on or not on[one].database}
        self._elsewhere |= {
            one for one in on if one not in begins and on[one].database not in {old.oid, self._current.oid}
        }
        free = [one for one in here if on[one].is_idle]
        patience = _BEGINNING if begins else _WORK if len(free) < len(here) else 0.0
        return states | sockets.states(free), patience

    def _unchanged(self, descriptor: Descriptor) -> State | None:
        """Return the state of a session that has done nothing since this was its state."""
        state = self._states.get(descriptor)
        return None if state is None or state.pid in self._touching else state

    def _was_idle(self, descriptor: Descriptor) -> bool:
        """Tell whether a connection that we know has done something, but was idle at the last look."""
        state = self._states.get(descriptor)
        return state is not None and self._touching.get(state.pid, "").startswith("idle")

    def _servers(
        self, descriptors: list[Descriptor], activity: Mapping[int, Activity], old: Copy
    ) -> dict[Descriptor, int]:
        """Return the server's process of each connection; those on `old` are most likely."""
        known = {one: state.pid for one in descriptors if (state := self._states.get(one)) is not None}
        known = {one: pid for one, pid in known.items() if pid in activity}
        rest = [one for one in descriptors if one not in known]
        if not rest:
            return known
        order = sorted(activity, key=lambda pid: activity[pid].database != old.oid)
        return known | sockets.servers(rest, {pid: activity[pid].port for pid in order})

    def _knows_servers(self) -> bool:
        admin = Descriptor.of(self._admin.fileno())
        return bool(sockets.servers([admin], dict.fromkeys(copies.sessions(self._admin), 0)))

    def _guessed(
        self, unknown: list[Descriptor], activity: Mapping[int, Activity], old: Copy
    ) -> dict[Descriptor, State]:
        """Where the system does not tell whose server is whose: ask all, if no session on `old` works."""
        if any(each.database == old.oid and not each.is_idle for each in activity.values()):
            return {}
        return {one: state for one, state in sockets.states(unknown).items() if state.database == old.oid}

    def _move(
        self, connections: Mapping[Descriptor, tuple[State, Session | None]], copy: Copy
    ) -> dict[Descriptor, State]:
        """Move connections, to sessions that have begun if there are; return what is in their places.

        One that cannot be moved is ended, as any that is left.
        """
        ready: dict[Descriptor, Session] = {}
        for one, (state, begun) in connections.items():
            session = begun
            try:
                if session is None:
                    session = self._begin(state, self.lent.database)
                session.become(state)
            except OSError:  # the server has no room for it; or is gone, which the next query will tell
                if session is not None:
                    session.close()
                continue
            ready[one] = session
            state.pid, state.database = session.pid, copy.oid
        return {Descriptor.of(one.number): connections[one][0] for one in sockets.replace(ready)}

    def _begin(self, state: State, database: str) -> Session:
        return Session.begin(self.lent.socket, state.user, database, state.start)


def _settled(sessions: dict[Descriptor, Session]) -> dict[Descriptor, Session]:
    """Wait until sessions have begun; leave out those that the server had no room for."""
    found = {}
    for descriptor, session in sessions.items():
        try:
            session.settled()
        except OSError:
            session.close()
            continue
        found[descriptor] = session
    return found
