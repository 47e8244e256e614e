"""Moves a process's open PostgreSQL connections to another database, beneath the drivers that hold them.

A connection is a descriptor. When its session is idle, another session can take the descriptor's place
(`dup2`): same user, same parameters, same prepared statements, another database. Whoever holds the connection
(a pool, an ORM, a C library) goes on with it and notices nothing. Nothing of any driver is touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from socket import AF_UNIX, SHUT_RDWR, socket

from enctest.databases import peers
from enctest.databases.protocol import Row, fields, identifier, literal, row

_PROTOCOL = 196608  # 3.0
_PATIENCE = 5.0
_ANSWER = 2.0
"""Seconds that an idle server may take for an answer; it takes less than a millisecond."""
_DESCRIPTORS = Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")
_DETAILS = Path("/proc/self/fdinfo")
_ABORTED = "25P02"
# Everything that a session has and a new one lacks. `client` parameters came with its start.
_STATE = """
select 'pid', pg_backend_pid()::text, null::text, null::text
union all select 'database', oid::text, session_user::text, current_setting('role')
    from pg_database where datname = current_database()
union all select source, name, setting, null from pg_settings where source in ('client', 'session')
union all select 'listen', channel, null, null from pg_listening_channels() channel
union all select case when from_sql then 'sql' else 'prepared' end, name, statement,
    array_to_string(parameter_types::oid[], ',') from pg_prepared_statements
"""
_NOT_SETTABLE = {"is_superuser", "role", "session_authorization"}


@dataclass
class State:
    """What a session has made of itself.

    Attributes:
        pid: Of its server process.
        database: Its database's oid.
        user: Who it logged in as.
        start: Parameters that it started with.
        replay: SQL that makes a new session what it is.
        prepared: Statements of the extended protocol: name, text, oids of its parameters.
        transaction: `I` for none, `T` for an open one, `E` for one that has failed.
    """

    pid: int = 0
    database: int = 0
    user: str = ""
    start: dict[str, str] = field(default_factory=dict)
    replay: list[str] = field(default_factory=list)
    prepared: list[tuple[str, str, tuple[int, ...]]] = field(default_factory=list)
    transaction: str = "I"


class Session:
    """One session, at the level of messages; see `begin` for a new one.

    Args:
        sock: Connected to the server.

    Raises:
        OSError: The server closed it, or takes too long.
    """

    def __init__(self, sock: socket) -> None:
        self.socket = sock
        self.pid = 0
        self._buffer = b""

    @classmethod
    def begin(cls, path: str, user: str, database: str, parameters: dict[str, str]) -> Session:
        """Ask for a session, without waiting for it; `settled` does."""
        sock = socket(AF_UNIX)
        try:
            sock.settimeout(_PATIENCE)
            sock.connect(path)
            words = {"user": user, "database": database, **parameters}
            body = b"".join(word.encode() + b"\0" for pair in words.items() for word in pair) + b"\0"
            sock.sendall(struct.pack("!ii", len(body) + 8, _PROTOCOL) + body)
        except BaseException:  # an interrupt too: nobody else could close it
            sock.close()
            raise
        return cls(sock)

    def settled(self, times: int = 1) -> Answer:
        """Read until the server has been ready for the next message `times` times."""
        answer = Answer()
        while times:
            kind, body = self._message()
            if kind == b"Z":
                times -= 1
                answer.transaction = body.decode()
            elif kind == b"K":
                (self.pid,) = struct.unpack_from("!i", body)
            elif kind == b"D":
                answer.rows.append(row(body))
            elif kind == b"E":
                answer.errors.append(fields(body).get("C", ""))
        return answer

    def query(self, *statements: str) -> Answer:
        """Run statements, each for itself, in one round trip."""
        self.socket.sendall(b"".join(_packed(b"Q", sql.encode() + b"\0") for sql in statements))
        return self.settled(len(statements))

    def ask(self) -> None:
        """Ask for what a new session would lack; `told` has the answer."""
        self.socket.sendall(_packed(b"Q", _STATE.encode() + b"\0"))

    def told(self) -> State:
        """Return the answer; what has failed is rolled back."""
        answer = self.settled()
        failed = answer.errors == [_ABORTED]
        if failed:
            self.query("rollback")
            answer = self.query(_STATE)
        state = _state(answer.rows)
        state.transaction = "E" if failed else answer.transaction
        return state

    def become(self, state: State) -> list[str]:
        """Be what another session is; return the SQLSTATEs of what could not be had."""
        data = [_packed(b"Q", sql.encode() + b"\0") for sql in state.replay]
        for name, text, types in state.prepared:
            body = name.encode() + b"\0" + text.encode() + b"\0"
            data.append(_packed(b"P", body + struct.pack(f"!h{len(types)}I", len(types), *types)))
            data.append(_packed(b"S", b""))
        times = len(state.replay) + len(state.prepared)
        if state.transaction != "I":
            begin = ["begin"] + ["select 1/0"] * (state.transaction == "E")
            data += [_packed(b"Q", sql.encode() + b"\0") for sql in begin]
            times += len(begin)
        if not data:
            return []
        self.socket.sendall(b"".join(data))
        return self.settled(times).errors

    def close(self) -> None:
        """Leave, without a word: the server sees that nobody is there."""
        self.socket.close()

    def _message(self) -> tuple[bytes, bytes]:
        while True:
            if len(self._buffer) >= 5:  # noqa: PLR2004 - a letter and a length
                end = 1 + struct.unpack_from("!i", self._buffer, 1)[0]
                if len(self._buffer) >= end:
                    message, self._buffer = self._buffer[:end], self._buffer[end:]
                    return message[:1], message[5:]
            data = self.socket.recv(2**16)
            if not data:
                raise ConnectionResetError("the PostgreSQL server closed the connection")
            self._buffer += data


@dataclass
class Answer:
    """Rows and SQLSTATEs that the server sent, and the state of the transaction after it."""

    rows: list[Row] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    transaction: str = "I"


@dataclass(frozen=True)
class Descriptor:
    """An open connection of this process: its number, and the inode, which another one never has."""

    number: int
    inode: int

    @classmethod
    def of(cls, number: int) -> Descriptor:
        """Return what a number leads to now."""
        return cls(number, os.fstat(number).st_ino)

    def port(self) -> int:
        """Return the port at our end, 0 for a unix socket."""
        looked = socket(fileno=self.number)
        try:
            name = looked.getsockname()
        finally:
            looked.detach()
        return int(name[1]) if isinstance(name, tuple) else 0

    def is_silent(self) -> bool:
        """Tell whether the server has sent nothing that nobody has read, and is still there."""
        poller = select.poll()
        poller.register(self.number, select.POLLIN | select.POLLPRI)
        return not poller.poll(0)

    def replace(self, session: Session) -> None:
        """Let `session` take this place, in the eyes of everybody who knows the number."""
        flags, inheritable = fcntl.fcntl(self.number, fcntl.F_GETFL), os.get_inheritable(self.number)
        with _unwatched(self.number):
            new = session.socket.detach()
            try:
                fcntl.fcntl(new, fcntl.F_SETFL, flags)
                os.dup2(new, self.number, inheritable=inheritable)
            finally:
                os.close(new)


def servers(descriptors: Iterable[Descriptor], candidates: Mapping[int, int]) -> dict[Descriptor, int]:
    """Return the server's process at the other end of each connection, where that can be told.

    Args:
        descriptors: The connections.
        candidates: Process ids of the server's, each with the TCP port of its client (not positive: none).
    """
    wanted = list(descriptors)
    ports = {port: pid for pid, port in candidates.items() if port > 0}
    found = {each: ports[port] for each in wanted if (port := each.port()) in ports}
    inodes = {each.inode: each for each in wanted if each not in found}
    others = peers.peers(inodes)
    owners = peers.owners(others.values(), candidates)
    for inode, other in others.items():
        if other in owners:
            found[inodes[inode]] = owners[other]
    return found


def states(descriptors: Iterable[Descriptor]) -> dict[Descriptor, State]:
    """Ask all sessions for their states, at once; only while nobody else uses them.

    A session that does not answer is closed and left out: a thread has begun to use it at this very moment.
    """
    asked = list(descriptors)
    flags = {each: fcntl.fcntl(each.number, fcntl.F_GETFL) for each in asked}
    borrowed = {each: socket(fileno=each.number) for each in asked}
    with _unwatched(*(each.number for each in asked)):  # else a loop in another thread would read our answers
        try:
            sessions = {each: Session(borrowed[each]) for each in asked}
            for session in sessions.values():
                session.socket.settimeout(_ANSWER)
                with contextlib.suppress(OSError):  # it is closed: there will be no answer
                    session.ask()
            return {each: state for each, session in sessions.items() if (state := _told(session))}
        finally:
            for each in asked:
                borrowed[each].detach()
                fcntl.fcntl(each.number, fcntl.F_SETFL, flags[each])


def _told(session: Session) -> State | None:
    try:
        return session.told()
    except OSError:
        with contextlib.suppress(OSError):  # the server was quicker
            session.socket.shutdown(SHUT_RDWR)
        return None


def connections(path: str, port: int, ours: Iterable[int] = ()) -> list[Descriptor]:
    """Return this process's connections to the server at the socket `path`, or (if not 0) at TCP `port`.

    Args:
        path: The server's unix socket.
        port: Its port on 127.0.0.1.
        ours: Descriptors to leave out.
    """
    skipped = set(ours)
    found = []
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - no Path per entry
        number = int(name)
        if number in skipped:
            continue
        try:
            status = os.fstat(number)
            if stat.S_ISSOCK(status.st_mode) and _leads_to(number, path, port):
                found.append(Descriptor(number, status.st_ino))
        except OSError:
            continue  # the descriptor of the listing itself, or one that another thread closed
    return found


def _leads_to(number: int, path: str, port: int) -> bool:
    looked = socket(fileno=number)
    try:
        peer = looked.getpeername()
    finally:
        looked.detach()
    return peer == path or (port > 0 and peer == ("127.0.0.1", port))


@contextlib.contextmanager
def _unwatched(*numbers: int) -> Iterator[None]:
    """Take descriptors out of all epoll objects, whoever they belong to (asyncio, libuv), for a moment.

    What is put back is what the numbers lead to then: by themselves they would forget it.
    """
    found = _watching(numbers) if hasattr(select, "epoll") else []
    watching = [(select.epoll.fromfd(os.dup(poll)), number, events) for poll, number, events in found]
    try:
        for poll, number, _ in watching:
            poll.unregister(number)
        yield
    finally:
        for poll, number, events in watching:
            poll.register(number, events)
            poll.close()


def _watching(numbers: Iterable[int]) -> list[tuple[int, int, int]]:
    """Return (descriptor of an epoll object, number that it watches, what for)."""
    wanted = set(numbers)
    found = []
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - no Path per entry
        try:
            if os.readlink(f"{_DESCRIPTORS}/{name}") != "anon_inode:[eventpoll]":  # noqa: PTH115 - as above
                continue
            lines = (_DETAILS / name).read_text(encoding="ascii").splitlines()
        except OSError:
            continue  # as in `connections`
        for line in lines:
            words = line.split()
            if words[:1] == ["tfd:"] and int(words[1]) in wanted:
                found.append((int(name), int(words[1]), int(words[3], 16)))
    return found


def _state(rows: list[Row]) -> State:
    state = State()
    for kind, first, second, third in rows:
        name, value = first or "", second or ""
        match kind:
            case "pid":
                state.pid = int(name)
            case "database":
                state.database, state.user = int(name), value
                if third not in {None, "none"}:
                    state.replay.append(f"set role {literal(third or '')}")
            case "client" if name not in _NOT_SETTABLE:
                state.start[name] = value
            case "session" if name not in _NOT_SETTABLE:
                state.replay.append(f"select set_config({literal(name)}, {literal(value)}, false)")
            case "listen":
                state.replay.append(f"listen {identifier(name)}")
            case "sql":
                state.replay.append(value)
            case "prepared":
                types = tuple(int(word) for word in (third or "").split(",") if word)
                state.prepared.append((name, value, types))
    return state


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
