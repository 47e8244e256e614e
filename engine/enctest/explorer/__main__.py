"""`python -m enctest.explorer SETUP`: the explorer's process, started by a front end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import time
from pathlib import Path

import msgspec

from enctest.explorer.client import Launch, lock_of
from enctest.explorer.explorer import Explorer
from enctest.paths import Project


def main() -> int:
    """Serve until the last front end has left; 0 also when another explorer already runs."""
    launch = msgspec.json.decode(sys.argv[1], type=Launch)
    door = Path(launch.door)
    lock = os.open(lock_of(door), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _acquire(lock):
        return 0
    project = Project.find(Path(launch.start))
    asyncio.run(Explorer(project, args=launch.args, python=launch.python, door=door).serve())
    return 0


def _acquire(lock: int, patience: float = 1.0) -> bool:
    """Take the lock; front ends that look whether it is held have it for a moment, hence the patience (s)."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


if __name__ == "__main__":
    sys.exit(main())
