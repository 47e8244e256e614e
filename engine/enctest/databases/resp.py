"""The little of the protocol of Redis and Valkey that is needed to look after a server."""

from __future__ import annotations

import socket
from typing import Self, TypeAlias

_SECONDS = 10.0

Reply: TypeAlias = "str | int | list[Reply] | None"


class ReplyError(Exception):
    """The server refused a command."""


class RespConnection:
    """A session with a server; for one thread at a time.

    Args:
        path: Of the server's unix socket.

    Raises:
        OSError: There is no server.
    """

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(_SECONDS)
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        self._stream.close()
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
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server ended the session")
        kind, text = line[:1], line[1:-2].decode(errors="replace")
        if kind == b"-":
            raise ReplyError(text)
        if kind == b":":
            return int(text)
        if kind == b"*":
            return [self._reply() for _ in range(int(text))]
        if kind == b"$":
            size = int(text)
            return None if size < 0 else self._stream.read(size + 2)[:size].decode(errors="replace")
        return text
