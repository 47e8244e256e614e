"""Memory that a session shares with its workers: what each is doing, and whether all are to stop."""

from __future__ import annotations

import mmap
import struct

IDLE, CLOSING = -1, -2
"""Between two tests; ending, fixtures included."""

_HEAD = 8
_SLOT = struct.Struct("=q")


class Board:
    """Costs a worker no system call, and can still be read when the worker is dead.

    Args:
        slots: Number of workers at a time.
    """

    def __init__(self, slots: int) -> None:
        self._memory = mmap.mmap(-1, _HEAD + slots * _SLOT.size)
        for slot in range(slots):
            self.set(slot, IDLE)

    def set(self, slot: int, test: int) -> None:
        """Say what the worker of a slot does now: the number of a test, `IDLE` or `CLOSING`."""
        _SLOT.pack_into(self._memory, _HEAD + slot * _SLOT.size, test)

    def get(self, slot: int) -> int:
        """Return what the worker of a slot said last."""
        (test,) = _SLOT.unpack_from(self._memory, _HEAD + slot * _SLOT.size)
        return int(test)

    def stop(self) -> None:
        """Ask all workers to end after the test they are in."""
        self._memory[0] = 1

    @property
    def is_stopping(self) -> bool:
        """Whether all are to end."""
        return self._memory[0] != 0
