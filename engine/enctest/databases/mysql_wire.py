"""As much of MySQL's protocol as it takes to fill databases: text queries by unix socket, no password.

It goes around the modules that tests use, which may be traced or patched.
"""

from __future__ import annotations

import _socket
import struct
from collections.abc import Iterator

from enctest.databases.closing import Closing

_PROTOCOL_41, _SECURE, _PLUGIN, _MULTI = 0x200, 0x8000, 0x80000, 0x30000
_UTF8MB4 = 45
_LARGEST = 0xFFFFFF
"""Bytes of one packet; more go on in the next."""
_MORE = 0x8
"""Status: another result follows."""
_SECONDS = 30.0
_OK, _ERROR, _END, _LOCAL_FILE, _SWITCH = 0x00, 0xFF, 0xFE, 0xFB, 0xFE
_NULL = 0xFB
_LENGTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}

Row = tuple[str | None, ...]


class MySQLError(Exception):
    """The server refuses.

    Attributes:
        number: MySQL's, such as 1146.
        message: The server's.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{message} ({number})")
        self.number = number
        self.message = message


class MySQLConnection(Closing):
    """A session of a user without a password.

    Args:
        path: The server's unix socket.
        user: Who.

    Raises:
        OSError: The server is not there, or went away; so from every method.
        MySQLError: It refuses.
    """

    def __init__(self, path: str, user: str = "root") -> None:
        self._socket = _socket.socket(_socket.AF_UNIX)
        self._buffer = b""
        self._number = 0
        try:
            self._socket.settimeout(_SECONDS)
            self._socket.connect(path)
            self._log_in(user)
        except BaseException:  # an interrupt too: nobody else could close it
            self._socket.close()
            raise

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def query(self, sql: str) -> list[Row]:
        """Run statements; return the rows of all of them."""
        self._number = 0
        self._send(b"\x03" + sql.encode("utf-8", "surrogateescape"))
        rows: list[Row] = []
        while self._result(rows) & _MORE:
            pass
        return rows

    def _log_in(self, user: str) -> None:
        _raise_for(self._receive())
        flags = _PROTOCOL_41 | _SECURE | _PLUGIN | _MULTI
        head = struct.pack("<IIB23x", flags, _LARGEST, _UTF8MB4)
        self._send(head + user.encode() + b"\0" + b"\0" + b"mysql_native_password\0")
        answer = self._receive()
        if answer[0] == _SWITCH:
            self._send(b"")
            answer = self._receive()
        _raise_for(answer)

    def _result(self, rows: list[Row]) -> int:
        """Read one result; return the status that it ends with."""
        first = self._receive()
        _raise_for(first)
        if first[0] == _OK:
            return _status_of_ok(first)
        columns, _ = _length(first, 0)
        for _ in range(columns + 1):  # their descriptions, and an end
            self._receive()
        while True:
            packet = self._receive()
            _raise_for(packet)
            if packet[0] == _END and len(packet) < 9:  # noqa: PLR2004 - longer ones are rows
                return int(struct.unpack_from("<H", packet, 3)[0])
            rows.append(tuple(_texts(packet)))

    def _send(self, data: bytes) -> None:
        while True:
            part, data = data[:_LARGEST], data[_LARGEST:]
            self._socket.sendall(struct.pack("<I", len(part))[:3] + bytes([self._number]) + part)
            self._number = (self._number + 1) % 256
            if len(part) < _LARGEST:
                return

    def _receive(self) -> bytes:
        whole = b""
        while True:
            head = self._exactly(4)
            size = int.from_bytes(head[:3], "little")
            self._number = (head[3] + 1) % 256
            whole += self._exactly(size)
            if size < _LARGEST:
                return whole

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self._socket.recv(2**16)
            if not data:
                raise ConnectionResetError("the MariaDB server closed the connection")
            self._buffer += data
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


def quoted(name: str) -> str:
    """Return a name as it is written in SQL."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Return a text as it is written in SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _raise_for(packet: bytes) -> None:
    if packet[0] == _ERROR:
        text = packet[3:]
        text = text[6:] if text[:1] == b"#" else text
        raise MySQLError(struct.unpack_from("<H", packet, 1)[0], text.decode("utf-8", "replace"))


def _status_of_ok(packet: bytes) -> int:
    _, place = _length(packet, 1)
    _, place = _length(packet, place)
    return int(struct.unpack_from("<H", packet, place)[0])


def _length(packet: bytes, place: int) -> tuple[int, int]:
    """Return a number that is written with its length, and the place behind it."""
    first = packet[place]
    size = _LENGTHS.get(first, 0)
    if not size:
        return first, place + 1
    return int.from_bytes(packet[place + 1 : place + 1 + size], "little"), place + 1 + size


def _texts(packet: bytes) -> Iterator[str | None]:
    place = 0
    while place < len(packet):
        if packet[place] == _NULL:
            place += 1
            yield None
        else:
            size, place = _length(packet, place)
            yield packet[place : place + size].decode("utf-8", "replace")
            place += size
