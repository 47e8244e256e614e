"""Frames over sockets: a length of four bytes (big endian), then a msgpack array of records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from enctest.errors import EnctestError

LIMIT = 64 * 1024 * 1024
"""Bytes a frame may have; a longer one means that the stream is broken."""

_encoder = msgspec.msgpack.Encoder()
T = TypeVar("T")


def pack(records: Sequence[object]) -> bytes:
    """Return one frame that holds `records`."""
    body = _encoder.encode(records)
    return len(body).to_bytes(4, "big") + body


class Unpacker(Generic[T]):
    """Turns a byte stream back into records of one union, checked on the way in.

    Args:
        kind: The union of records that may arrive, such as `events.WorkerEvent`.
    """

    def __init__(self, kind: type[T] | object) -> None:
        self._decoder = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[T]:
        """Take bytes from the stream; yield every record that is now whole.

        Raises:
            EnctestError: A frame is too long or holds something else.
        """
        self._buffer += data
        while len(self._buffer) >= 4:  # noqa: PLR2004 - the header
            size = int.from_bytes(self._buffer[:4], "big")
            if size > LIMIT:
                raise EnctestError(f"a frame of {size} bytes arrived; at most {LIMIT} are allowed")
            if len(self._buffer) < 4 + size:
                return
            body = bytes(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            try:
                records = self._decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise EnctestError(f"a frame could not be read: {error}") from error
            yield from records


async def records(reader: asyncio.StreamReader, unpacker: Unpacker[T]) -> Iterator[T] | None:
    """Wait for bytes and return the records that they complete, or None at the end of the stream."""
    data = await reader.read(256 * 1024)
    return unpacker.feed(data) if data else None
