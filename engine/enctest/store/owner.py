"""One process at a time writes a history: an explorer as long as it lives, a plain run when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

_LOOK = 0.02


class Ownership:
    """A lock on a history; the file says where its owner can be reached.

    Args:
        folder: The state folder.
        name: The history's name.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.lock"
        self._descriptor = -1

    def acquire(self, door: str = "", patience: float = 0.0) -> bool:
        """Become the owner; `door` is the socket where others can hand something in.

        Waits up to `patience` seconds for the present owner to end; what cannot be locked counts as ours.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # a read-only or full disk: then the history cannot be written either, and says so
            return True
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return False
                time.sleep(_LOOK)
            else:
                break
        with contextlib.suppress(OSError):  # no space: nobody can hand in, which costs a plain run its memory
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, os.fsencode(door), 0)
        self._descriptor = descriptor
        return True

    def door(self) -> str:
        """Return where the present owner can be reached; empty when it cannot."""
        try:
            return self._path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""

    def release(self) -> None:
        """Let somebody else be the owner."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1
