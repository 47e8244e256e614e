"""One PostgreSQL session, message by message: what it has made of itself, how another becomes the same."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from socket import AF_UNIX, socket

from enctest.databases.protocol import Row, fields, identifier, literal, row

_PROTOCOL = 196608  # 3.0
_PATIENCE = 5.0
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
        self._awaited = 0
        self._worn = State()

    @classmethod
    def begin(cls, path: str, user: str, database: str, parameters: dict[str, str]) -> Session:
        """Ask for a session, without waiting for it; `settled` does."""
        sock = socket(AF_UNIX)
        try:
            sock.settimeout(_PATIENCE)
            sock.connect(path)
            words = {"user": user, "database": database, **parameters}
            body = b"".join(word.encode() + b"\0" for pair in words.items() for word in pair) + b"\0"
            session = cls(sock)
            session._send(struct.pack("!ii", len(body) + 8, _PROTOCOL) + body, 1)
        except BaseException:  # an interrupt too: nobody else could close it
            sock.close()
            raise
        return session

    def settled(self) -> Answer:
        """Read until the server has done everything that it was asked for."""
        answer = Answer()
        while self._awaited:
            kind, body = self._message()
            if kind == b"Z":
                self._awaited -= 1
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
        self._ask(*statements)
        return self.settled()

    def ask(self) -> None:
        """Ask for what a new session would lack; `told` has the answer."""
        self._ask(_STATE)

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

    def dress(self, state: State) -> None:
        """Ask it to become what another session is, up to transactions; `settled` waits for that.

        It is also asked what it will be asked, as the first time takes longest.
        """
        self.ask()
        self._put_on(state)

    def become(self, state: State) -> list[str]:
        """Be what another session is; return the SQLSTATEs of what could not be had."""
        self._put_on(state)
        if state.transaction != "I":
            self._ask("begin", *["select 1/0"] * (state.transaction == "E"))
        return self.settled().errors

    def _put_on(self, state: State) -> None:
        """Ask for what is lacking; what is too much is taken off first, with everything else."""
        if not (
            set(self._worn.replay) <= set(state.replay) and set(self._worn.prepared) <= set(state.prepared)
        ):
            self._ask("discard all")
            self._worn = State()
        self._ask(*(sql for sql in state.replay if sql not in self._worn.replay))
        for name, text, types in state.prepared:
            if (name, text, types) not in self._worn.prepared:
                body = name.encode() + b"\0" + text.encode() + b"\0"
                body += struct.pack(f"!h{len(types)}I", len(types), *types)
                self._send(_packed(b"P", body) + _packed(b"S", b""), 1)
        self._worn = state

    def _ask(self, *statements: str) -> None:
        if statements:
            self._send(b"".join(_packed(b"Q", sql.encode() + b"\0") for sql in statements), len(statements))

    def _send(self, data: bytes, answers: int) -> None:
        self.socket.sendall(data)
        self._awaited += answers

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
