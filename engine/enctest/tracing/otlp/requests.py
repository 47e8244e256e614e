"""Reads HTTP/1.1 requests out of bytes as they come, within limits."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

HEAD_LIMIT: Final = 16 * 1024
"""Bytes of request line and headers."""
BODY_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a body as it is sent."""
UNPACKED_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of a body once it is unpacked."""
_LINE_LIMIT: Final = 1024  # of a line between chunks


class BadRequestError(Exception):
    """A request that is answered with an error, after which the connection ends.

    Attributes:
        status: Code and phrase of the answer.
    """

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Request:
    """One request; `headers` have names in lower case."""

    method: str
    path: str
    version: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def keeps_alive(self) -> bool:
        """Whether another request may follow on the connection."""
        connection = self.headers.get("connection", "").lower()
        return "close" not in connection and (self.version == "HTTP/1.1" or "keep-alive" in connection)


@dataclass
class Reader:
    """Takes what a connection brings.

    Attributes:
        admit: Gets a request whose body is still to come; raises `BadRequestError` to stop it there.
    """

    admit: Callable[[Request], None]
    _buffer: bytearray = field(default_factory=bytearray)
    _request: Request | None = None
    _body: bytearray = field(default_factory=bytearray)
    _left: int = 0  # bytes of the body, or of the chunk
    _chunked: bool = False
    _trailers: bool = False
    wants_go_ahead: bool = False
    """The client waits for `100 Continue`; to be reset by who sends it."""

    def feed(self, data: bytes) -> Request | None:
        """Take bytes; return a request as soon as it is whole, then call again with nothing for the next.

        Raises:
            BadRequestError: It is none, or too big.
        """
        self._buffer += data
        if self._request is None and not self._read_head():
            return None
        whole = self._read_chunks() if self._chunked else self._take()
        if not whole:
            return None
        request, self._request = self._request, None
        if request is not None:
            request.body, self._body = bytes(self._body), bytearray()
        return request

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end > HEAD_LIMIT or (end < 0 and len(self._buffer) > HEAD_LIMIT):
            raise BadRequestError("431 Request Header Fields Too Large")
        if end < 0:
            return False
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, path, version
            raise BadRequestError("400 Bad Request")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise BadRequestError("400 Bad Request")
            headers[name.lower()] = value.strip()
        self._request = Request(words[0], words[1], words[2], headers)
        self.admit(self._request)
        self._expect_body(headers)
        return True

    def _expect_body(self, headers: dict[str, str]) -> None:
        coding, length = headers.get("transfer-encoding", "").lower(), headers.get("content-length", "0")
        if coding and (coding != "chunked" or "content-length" in headers):
            raise BadRequestError("400 Bad Request")
        if not (length.isascii() and length.isdecimal()):
            raise BadRequestError("400 Bad Request")
        self._chunked, self._trailers = bool(coding), False
        self._left = 0 if self._chunked else int(length[:20])
        if self._left > BODY_LIMIT:
            raise BadRequestError("413 Content Too Large")
        self.wants_go_ahead = headers.get("expect", "").lower() == "100-continue"

    def _take(self) -> bool:
        """Move what belongs to the body, or chunk, from the buffer; tell whether it is whole."""
        piece = self._buffer[: self._left]
        del self._buffer[: len(piece)]
        self._body += piece
        self._left -= len(piece)
        return self._left == 0

    def _read_chunks(self) -> bool:
        while True:
            if self._left > 0:
                if not self._take():
                    return False
                self._left = -2  # the line's end after a chunk
            line = self._line()
            if line is None:
                return False
            if self._left == -2:  # noqa: PLR2004 - as above
                if line:
                    raise BadRequestError("400 Bad Request")
                self._left = 0
            elif self._trailers:
                if not line:
                    return True
            else:
                self._begin_chunk(line)

    def _begin_chunk(self, line: bytes) -> None:
        size = line.partition(b";")[0].strip()
        if not size or len(size) > 8 or not all(digit in b"0123456789abcdefABCDEF" for digit in size):  # noqa: PLR2004 - 4 GiB
            raise BadRequestError("400 Bad Request")
        self._left = int(size, 16)
        self._trailers = self._left == 0
        if len(self._body) + self._left > BODY_LIMIT:
            raise BadRequestError("413 Content Too Large")

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end > _LINE_LIMIT or (end < 0 and len(self._buffer) > _LINE_LIMIT):
            raise BadRequestError("400 Bad Request")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def unpacked(request: Request) -> bytes:
    """Return the body of a request without its content encoding.

    Raises:
        BadRequestError: It is not packed as it says, in a way that is not known, or is too big.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding in ("", "identity"):
        return request.body
    if encoding not in ("gzip", "deflate"):
        raise BadRequestError("415 Unsupported Media Type")
    try:
        unpacker = zlib.decompressobj(wbits=47)  # either header
        data = unpacker.decompress(request.body, UNPACKED_LIMIT)
    except zlib.error as error:
        raise BadRequestError("400 Bad Request") from error
    if unpacker.unconsumed_tail:
        raise BadRequestError("413 Content Too Large")
    if not unpacker.eof:
        raise BadRequestError("400 Bad Request")
    return data
