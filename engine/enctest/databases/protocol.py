"""A small PostgreSQL client (simple query protocol, unix sockets) for admin work and SQL files."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from socket import AF_UNIX, socket  # bound now: suites that block sockets replace the class later

from enctest.databases.closing import Closing

Row = tuple[str | None, ...]

_PROTOCOL = 196608  # 3.0
_START_SECONDS = 10.0
_PARAMETER = re.compile(r"\$(\d)")


class ServerError(Exception):
    """An error that the server answered.

    Attributes:
        sqlstate: Five characters, such as `42601`.
        message: The server's primary message.
        position: 1-based character in the SQL that was sent, 0 when the server named none.
        detail: More about it; may be empty.
        hint: The server's advice; may be empty.
        completed: How many statements of the SQL were done before.
    """

    def __init__(self, fields: dict[str, str], completed: int = 0) -> None:
        self.sqlstate = fields.get("C", "")
        self.message = fields.get("M", "unknown error")
        self.position = int(fields.get("P", "0"))
        self.detail = fields.get("D", "")
        self.hint = fields.get("H", "")
        self.completed = completed
        super().__init__(f"{self.message} (SQLSTATE {self.sqlstate})")


class Connection(Closing):
    """One session with a server that trusts whoever reaches its socket.

    Args:
        path: The unix socket.
        database: Database to enter.
        user: Role to be.
        application: Name to be known by in pg_stat_activity.

    Attributes:
        in_transaction: Whether the last query left a transaction open.

    Raises:
        OSError: Nobody listens there, or the server went away.
        ServerError: The server refused, for example because it is still starting (57P03).
    """

    def __init__(self, path: str, *, database: str, user: str, application: str = "enctest") -> None:
        self.in_transaction = False
        self._socket = socket(AF_UNIX)
        self._stream = self._socket.makefile("rb")
        try:
            self._socket.settimeout(_START_SECONDS)
            self._socket.connect(path)
            self._start({"user": user, "database": database, "application_name": application})
            self._socket.settimeout(None)
        except BaseException:  # an interrupt too: nobody else can close a connection that is half made
            self.close()
            raise

    def query(self, sql: str, *values: str) -> list[Row]:
        """Run one or more statements, `values` for $1 and so on; return the rows of the last that had any.

        Raises:
            ServerError: A statement failed; unless it used transactions itself, nothing of `sql` is done.
            OSError: The server went away.
        """
        self.ask(sql, *values)
        return self.answer()

    def ask(self, sql: str, *values: str) -> None:
        """Begin a `query`; nothing else may be asked before its `answer`.

        Raises:
            OSError: The server went away.
        """
        if values:
            sql = _PARAMETER.sub(lambda match: literal(values[int(match[1]) - 1]), sql)
        self._send(b"Q", sql.encode() + b"\0")

    def single(self, sql: str) -> list[Row]:
        """Run a statement and return its rows; the server refuses more than one.

        Raises:
            ServerError: It failed, or it is several.
            OSError: The server went away.
        """
        nothing = struct.pack("!h", 0)
        self._send(b"P", b"\0" + sql.encode() + b"\0" + nothing)
        self._send(b"B", b"\0\0" + 3 * nothing)
        self._send(b"E", b"\0" + struct.pack("!i", 0))
        self._send(b"S", b"")
        return self.answer()

    def answer(self) -> list[Row]:
        """Return the answer to what was asked.

        Raises:
            ServerError: As in `query`.
            OSError: The server went away.
        """
        rows: list[Row] = []
        completed = 0
        error: ServerError | None = None
        for kind, body in self._messages():
            match kind:
                case b"T":
                    rows = []
                case b"D":
                    rows.append(row(body))
                case b"C":
                    completed += 1
                case b"E":
                    error = ServerError(fields(body), completed)
                case b"G":
                    self._send(b"f", b"COPY FROM STDIN needs psql; use INSERT\0")
        if error is not None:
            raise error
        return rows

    def value(self, sql: str, *values: str) -> str | None:
        """Run `sql` and return the first column of its first row, None when there is none."""
        rows = self.query(sql, *values)
        return rows[0][0] if rows else None

    def fileno(self) -> int:
        """Return its descriptor, to wait for what the server sends unasked; -1 when closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Leave; harmless when already gone."""
        try:
            if self._socket.fileno() >= 0:
                self._send(b"X", b"")
        except OSError:
            pass  # the server left first
        finally:
            self._stream.close()
            self._socket.close()

    def _start(self, options: dict[str, str]) -> None:
        options = {**options, "client_encoding": "UTF8"}
        body = struct.pack("!i", _PROTOCOL)
        body += (
            b"".join(key.encode() + b"\0" + value.encode() + b"\0" for key, value in options.items()) + b"\0"
        )
        self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
        while True:
            kind, body = self._message()
            if kind == b"E":
                raise ServerError(fields(body))
            if kind == b"R" and body[:4] != b"\0\0\0\0":
                raise ServerError({"C": "28000", "M": "the server asks for a password on its own socket"})
            if kind == b"Z":
                return

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield messages until the server is ready for the next query, or left with a word of farewell."""
        failed = False
        while True:
            try:
                kind, body = self._message()
            except OSError:
                if failed:
                    return
                raise
            if kind == b"Z":
                self.in_transaction = body != b"I"
                return
            failed = failed or kind == b"E"
            yield kind, body

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _message(self) -> tuple[bytes, bytes]:
        head = self._stream.read(5)
        if len(head) == 5:  # noqa: PLR2004 - a letter and a length
            size = struct.unpack("!i", head[1:])[0] - 4
            body = self._stream.read(size)
            if len(body) == size:
                return head[:1], body
        raise ConnectionResetError("the PostgreSQL server closed the connection")


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL (standard_conforming_strings is on)."""
    return "'" + text.replace("'", "''") + "'"


def row(body: bytes) -> Row:
    """Read a DataRow message."""
    (count,) = struct.unpack_from("!h", body)
    offset = 2
    values: list[str | None] = []
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, offset)
        offset += 4
        if size < 0:
            values.append(None)
            continue
        values.append(body[offset : offset + size].decode())
        offset += size
    return tuple(values)


def fields(body: bytes) -> dict[str, str]:
    """Read an ErrorResponse or NoticeResponse message: texts by one-letter code."""
    parts = (part for part in body.split(b"\0") if part)
    return {chr(part[0]): part[1:].decode(errors="replace") for part in parts}
