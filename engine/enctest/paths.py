"""Where things live: the project's root, its state folder, and a private folder for sockets."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from enctest.errors import EnctestError

CONFIG_FILES = (
    "pyproject.toml",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "setup.cfg",
    "setup.py",
)
"""Files in the root that decide how pytest runs."""
_LONGEST = 50
"""Bytes of a base folder that leave room for the folders and the socket in it."""


@dataclass(frozen=True)
class Project:
    """A project under test.

    Attributes:
        root: The folder that node ids and recorded paths are relative to.
        invocation: The folder the command was started in; pytest arguments are relative to it.
        state: `.enctest` in the root, or a folder of the user's cache when the root is read-only.
        runtime: A private folder (0700) for sockets and locks.
    """

    root: Path
    invocation: Path
    state: Path
    runtime: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """Find the project that `start` (default: the current folder) belongs to and make its folders."""
        invocation = (start or Path.cwd()).resolve()
        root = find_root(invocation)
        key = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        runtime = runtime_folder() / key
        runtime.mkdir(mode=0o700, exist_ok=True)
        return cls(root=root, invocation=invocation, state=_state_folder(root, key), runtime=runtime)


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` that looks like a project, else `start`."""
    for folder in (start, *start.parents):
        if any((folder / mark).exists() for mark in (*CONFIG_FILES, ".git")):
            return folder
    return start


def runtime_folder() -> Path:
    """Return this user's private folder for sockets, made if need be.

    A long XDG_RUNTIME_DIR is passed over: the path of a unix socket has at most 103 bytes on macOS.

    Raises:
        EnctestError: The folder belongs to somebody else or is open to others.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    usable = base and len(base) <= _LONGEST and os.access(base, os.W_OK)
    if base and usable:
        parent = Path(base)
    else:
        import tempfile

        parent = Path(tempfile.gettempdir())
    folder = parent / f"enctest-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise EnctestError(
            f"{folder} is not private to you",
            "Remove it, or point XDG_RUNTIME_DIR at a folder that only you can read.",
        )
    return folder


def cache_folder() -> Path:
    """Return this user's cache folder for enctest (0700), made if need be."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "enctest"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        folder = runtime_folder() / "cache"
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _state_folder(root: Path, key: str) -> Path:
    folder = root / ".enctest"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError:
        folder = cache_folder() / key
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
