"""The little of the protocol of Redis and Valkey that is needed to look after a server."""

from __future__ import annotations

import _socket
from typing import TypeAlias

from enctest.databases.closing import Closing

_SECONDS = 10.0
_CHUNK = 1 << 16

Reply: TypeAlias = "str | int | list[Reply] | None"


class ReplyError(Exception):
    """The server refused a command."""


class RespConnection(Closing):
    """A session with a server; for one thread at a time.

    It goes beneath the module `socket`, which tests may have patched.

    Args:
        path: Of the server's unix socket.

    Raises:
        OSError: There is no server.
    """

    def __init__(self, path: str) -> None:
        self._socket = _socket.socket(_socket.AF_UNIX)
        try:
            self._socket.settimeout(_SECONDS)
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._ahead = bytearray()

    def close(self) -> None:
        """End the session."""
        self._socket.close()

    def call(self, *words: str) -> Reply:
        """Send a command and return the reply.

        Raises:
            OSError: The server is gone.
            ReplyError: It refused.
        """
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word.encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
        self._socket.sendall(b"".join(parts))
        return self._reply()

    def _reply(self) -> Reply:
        line = self._take(self._find_end())
        kind, text = line[:1], line[1:].decode(errors="replace")
        if kind == b"-":
            raise ReplyError(text)
        if kind == b":":
            return int(text)
        if kind == b"*":
            return [self._reply() for _ in range(int(text))]
        if kind == b"$":
            size = int(text)
            return None if size < 0 else self._take(size).decode(errors="replace")
        return text

    def _find_end(self) -> int:
        while (end := self._ahead.find(b"\r\n")) < 0:
            self._receive()
        return end

    def _take(self, size: int) -> bytes:
        """Return so many bytes, and skip the end of the line after them."""
        while len(self._ahead) < size + 2:
            self._receive()
        taken = bytes(self._ahead[:size])
        del self._ahead[: size + 2]
        return taken

    def _receive(self) -> None:
        data = self._socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the server ended the session")
        self._ahead += data
