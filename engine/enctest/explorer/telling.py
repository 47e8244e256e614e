"""What a plain run tells the explorer that is open: where its results come, and that they are all there."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

from enctest.events import Command, FollowRun, TakeRun
from enctest.wire import pack

_PATIENCE = 5.0
"""Seconds."""


def announce(folder: Path, door: str) -> bool:
    """Ask the explorer behind `door` (none: empty) to show what comes into a folder; True if one is there."""
    return bool(door) and _send(door, FollowRun(folder=str(folder)))


def hand_in(folder: Path, door: str) -> bool:
    """Hand a plain run's files to the explorer behind `door`; True once it has taken them over."""
    if _send(door, TakeRun(folder=str(folder))):
        deadline = time.monotonic() + _PATIENCE
        while folder.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    return not folder.exists()


def _send(door: str, command: Command) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(door)
        connection.sendall(pack([command]))
        return True
    return False
