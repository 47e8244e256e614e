"""Where clusters live: a private folder each, in memory when there is room, and its locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from enctest.databases.account import Account, reaches
from enctest.databases.supervisor import ALIVE, LOCK, discard_if_unused, is_current
from enctest.errors import EnctestError

ROOM = 512 * 1024 * 1024
"""Bytes that must be free: a cluster, its log, and the copies for parallel runs several times over."""

KEY_LENGTH = 12
"""Hexadecimal digits in a cluster folder's name."""

MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made and checked in it
_PATIENCE = 10.0
_POLL_SECONDS = 0.002
_SOCKET_PATH = 103
"""Bytes that the path of a unix socket may have (macOS; Linux has 107)."""


@dataclass(frozen=True)
class Base:
    """A folder that clusters can be in; `free` in bytes, 0 where it cannot be used."""

    path: Path
    free: int

    @property
    def in_memory(self) -> bool:
        """Whether this is the machine's memory file system."""
        return self.path == MEMORY


def bases(account: Account | None) -> list[Base]:
    """Return the folders that could hold a cluster, the preferred first."""
    paths = dict.fromkeys((MEMORY, Path(tempfile.gettempdir()).resolve(), Path("/var/tmp")))  # noqa: S108 - see above
    return [Base(path, _free(path, account)) for path in paths]


def choose(account: Account | None, room: int | None = None) -> Base:
    """Return the base for a new cluster (or another server): the first with `room` bytes, by default `ROOM`.

    Raises:
        EnctestError: None has.
    """
    room = ROOM if room is None else room
    candidates = bases(account)
    for base in candidates:
        if base.free >= room:
            return base
    found = ", ".join(f"{base.path} ({base.free >> 20} MB)" for base in candidates)
    raise EnctestError(
        f"no folder has {room >> 20} MB free for databases: {found}",
        "Free some space, or point TMPDIR at a folder that has it.",
    )


def enter(key: str, account: Account | None, room: int | None = None) -> tuple[Path, int]:
    """Make or find the folder of the cluster (or other server) `key`; return it and a descriptor of its lock.

    The lock is shared: who has it uses the server.

    Waits while the folder's last supervisor clears it away.

    Raises:
        EnctestError: No folder has room, or somebody else has taken the name.
    """
    name = f"enctest-{os.geteuid()}-{key}"
    while True:
        existing = [base.path for base in bases(account) if (base.path / name / LOCK).exists()]
        folder = (existing[0] if existing else choose(account, room).path) / name
        _make_private(folder, account)
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue  # removed in between
        fcntl.flock(lock, fcntl.LOCK_SH)
        if is_current(str(folder), lock):
            return folder, lock
        os.close(lock)


def find(key: str, account: Account | None) -> tuple[Path, int] | None:
    """Return the folder of the cluster `key` and a descriptor with a shared lock on it, if it is there."""
    for base in bases(account):
        folder = base.path / f"enctest-{os.geteuid()}-{key}"
        if not (folder / LOCK).exists() or not _is_ours(folder):
            continue
        lock = os.open(folder / LOCK, os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_SH)
        if is_current(str(folder), lock):
            return folder, lock
        os.close(lock)
    return None


def claim_start(folder: Path) -> int | None:
    """Return a descriptor with the lock that makes us the one to start the server; None if it is taken."""
    alive = os.open(folder / ALIVE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(alive)
        return None
    return alive


def leave(folder: Path, lock: int) -> None:
    """Let go of the shared lock; when we were the last user, return once the folder is gone."""
    ours = os.fstat(lock)
    os.close(lock)
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(FileNotFoundError):  # gone
        while time.monotonic() < deadline:
            if not os.path.samestat(ours, (folder / LOCK).stat()):
                return  # gone, and made anew
            alive = claim_start(folder)
            if alive is not None:  # the supervisor is dead
                discard_if_unused(str(folder))
                os.close(alive)
                return
            if _is_shared(folder):
                return
            time.sleep(_POLL_SECONDS)


def sweep(account: Account | None) -> None:
    """Remove what killed supervisors left behind."""
    ours = re.compile(rf"enctest-{os.geteuid()}-[0-9a-f]{{{KEY_LENGTH}}}")
    for base in bases(account):
        names: list[str] = []
        with contextlib.suppress(OSError):  # not to be read
            names = os.listdir(base.path)  # noqa: PTH208 - no Path for each of thousands
        for folder in [base.path / name for name in names if ours.match(name)]:
            if not _is_ours(folder):
                continue
            if ".dead." in folder.name:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                discard_if_unused(str(folder))


def _is_shared(folder: Path) -> bool:
    """Tell whether anybody has a shared lock; false as soon as the supervisor has, or can get, its own."""
    for kind, answer in ((fcntl.LOCK_EX, False), (fcntl.LOCK_SH, True)):
        lock = os.open(folder / LOCK, os.O_RDWR)
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
        return answer
    return False


def _free(path: Path, account: Account | None) -> int:
    # A name as long as any that `enter` makes, down to the socket.
    socket = path / "enctest-4294967295-123456789012" / "s" / ".s.PGSQL.65535"
    if len(os.fsencode(socket)) > _SOCKET_PATH or not os.access(path, os.W_OK | os.X_OK):
        return 0
    if account and not reaches(account, path):
        return 0
    space = os.statvfs(path)
    return space.f_bavail * space.f_frsize


def _make_private(folder: Path, account: Account | None) -> None:
    """Make the folder ours alone; the server's user may pass through it, to folders of its own."""
    mode = 0o711 if account else 0o700
    try:
        folder.mkdir(mode=mode)
        folder.chmod(mode)  # whatever the umask is
    except FileExistsError:
        if not _is_ours(folder):
            raise EnctestError(f"{folder} belongs to somebody else", "Have it removed.") from None
    except FileNotFoundError:
        pass  # it was there, and has just been removed: the caller tries again


def _is_ours(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return True
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
