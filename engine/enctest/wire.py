"""Frames over sockets: a length of four bytes (big endian), then a msgpack array of records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from enctest.errors import EnctestError

if TYPE_CHECKING:
    import asyncio  # workers import this module, and have no use for it

LIMIT = 64 * 1024 * 1024
"""Bytes a frame may have; a longer one means that the stream is broken."""

_encoder = msgspec.msgpack.Encoder(enc_hook=repr)
_INT64 = 2**63
T = TypeVar("T")


def pack(records: Sequence[object]) -> bytes:
    """Return one frame that holds `records`; what msgpack cannot say is said as text."""
    try:
        body = _encoder.encode(records)
    except (OverflowError, UnicodeEncodeError, TypeError):
        body = _encoder.encode([_plain(msgspec.to_builtins(record, enc_hook=repr)) for record in records])
    return len(body).to_bytes(4, "big") + body


def _plain(value: object) -> object:
    """Return `value` without lone surrogates, huge integers and odd keys (captured output has them all)."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


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
