"""A queue of numbers that several processes take from, without a round trip: a pipe."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable

_SIZE = 4
_BURST = 1024
"""Numbers in one write: what a pipe takes whole or not at all."""


class NumberQueue:
    """Hands out each number once, to whichever process asks first.

    Make it before the fork. The parent puts and closes, children call `join` once and then `take`.
    A read of one record's size from a pipe is atomic, so no lock is needed.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._waiting: deque[int] = deque()
        self._closing = False

    # --- the parent ---

    def put(self, numbers: Iterable[int]) -> None:
        """Add numbers (0 to 2**32 - 1); those that the pipe has no room for wait for `pump`."""
        self._waiting.extend(numbers)
        self.pump()

    def pump(self) -> None:
        """Write what there is room for by now; call it from time to time until `is_written`."""
        while self._waiting and self._writer >= 0:
            batch = [self._waiting[index] for index in range(min(_BURST, len(self._waiting)))]
            data = b"".join(number.to_bytes(_SIZE, "big") for number in batch)
            try:
                os.write(self._writer, data)
            except BlockingIOError:
                return
            for _ in batch:
                self._waiting.popleft()
        if self._closing and not self._waiting:
            self._close_writer()

    @property
    def is_written(self) -> bool:
        """Whether every number is in the pipe."""
        return not self._waiting

    def close(self) -> None:
        """Say that no number follows: once all are taken, `take` returns None everywhere."""
        self._closing = True
        self.pump()

    def drain(self) -> None:
        """Take back what nobody has taken; no number follows."""
        self._waiting.clear()
        self._close_writer()
        while os.read(self._reader, 2**16):  # no writer is left, so this cannot wait
            pass

    def forget(self) -> None:
        """Close this process's ends."""
        self._close_writer()
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1

    # --- a child ---

    def join(self) -> None:
        """Only take from now on; until every child has said so, an empty queue never ends."""
        self._waiting.clear()
        self._close_writer()

    def take(self) -> int | None:
        """Return a number that nobody else has, waiting for one if needed; None when there is no more."""
        data = os.read(self._reader, _SIZE)
        return int.from_bytes(data, "big") if data else None

    def _close_writer(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1
