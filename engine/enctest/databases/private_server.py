"""A server, or only a folder, of this process's own: it dies with the process and leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Self

from enctest.databases import folders, supervisor
from enctest.databases.launching import LOG, launch, wait
from enctest.errors import EnctestError

_START_SECONDS = 30.0
_END_SECONDS = 1.0
_LINES_SHOWN = 4
_ROOM = 64 * 1024 * 1024
"""Bytes that have to be free for a small server, or for some files."""


class PrivateServer:
    """What `start` started; any number of them may run, each in a folder of its own.

    Attributes:
        folder: Private (0700), in memory when there is room. The server may write into it.
    """

    def __init__(self, folder: Path, lock: int, child: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self._lock = lock
        self._child = child

    @classmethod
    def start(
        cls,
        root: Path,
        name: str,
        command: Callable[[Path], Sequence[str]] = lambda _: (),
        is_ready: Callable[[Path], bool] = lambda _: True,
        *,
        room: int = _ROOM,
    ) -> Self:
        """Start a server and wait until it is ready.

        Args:
            root: The project's folder; the server's has the same path each time, if that is free.
            name: What is started, for example `valkey cache`, for that path and for messages.
            command: Called with the folder; returns an absolute path and arguments. The server must
                stay in the foreground, and some argument should name the folder. Nothing: only a folder.
            is_ready: Called with the folder until it returns true. An OSError counts as false.
            room: Bytes that have to be free.

        Raises:
            EnctestError: It does not start, or no folder has room.
        """
        folders.sweep(None)
        folder, lock, alive = _claim(root, name, room)
        try:
            child = _launch(folder, alive, command)
        except BaseException:  # an interrupt too: the folder must not outlive the attempt
            folders.leave(folder, lock)
            raise
        server = cls(folder, lock, child)
        try:
            server._await(name, is_ready)
        except BaseException:  # likewise
            server.close()
            raise
        return server

    def is_alive(self) -> bool:
        """Tell whether its supervisor lives, which dies with it."""
        return self._child.poll() is None

    def close(self) -> None:
        """End it at once and remove the folder; return when all is gone."""
        if self._lock < 0:
            return
        folders.leave(self.folder, self._lock)
        self._lock = -1
        with suppress(subprocess.TimeoutExpired):  # somebody stopped it: the folder goes when it goes on
            self._child.wait(_END_SECONDS)

    def _await(self, name: str, is_ready: Callable[[Path], bool]) -> None:
        def settled() -> bool:
            if self._child.poll() is not None:
                return True
            try:
                return is_ready(self.folder)
            except OSError:
                return False  # not yet

        if not wait(settled, _START_SECONDS):
            raise EnctestError(f"the server {name} is not ready after {_START_SECONDS:.0f} s: {self._said()}")
        if self._child.poll() is not None:
            raise EnctestError(f"the server {name} does not start: {self._said()}")

    def _said(self) -> str:
        try:
            lines = (self.folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []  # its supervisor has removed the folder
        return "; ".join(line.strip() for line in lines[-_LINES_SHOWN:] if line.strip()) or "it says nothing"


def key(root: Path, name: str, number: int) -> str:
    """Return what the folder of a project's server is told by; the first of a name has the number 0."""
    identity = b"\0".join([os.fsencode(root), name.encode(), b"%d" % number])
    return hashlib.sha256(identity).hexdigest()[: folders.KEY_LENGTH]


def _claim(root: Path, name: str, room: int) -> tuple[Path, int, int]:
    """Return the first of the folders of this name that is free, and descriptors of its two locks."""
    for number in count():
        folder, lock = folders.enter(key(root, name, number), None, room)
        alive = folders.claim_start(folder)
        if alive is not None:
            return folder, lock, alive
        folders.leave(folder, lock)
    raise AssertionError("numbers never end")


def _launch(folder: Path, alive: int, command: Callable[[Path], Sequence[str]]) -> subprocess.Popen[bytes]:
    """Start the supervisor in an empty folder, with the lock `alive`, which is its own from then on."""
    go, signal_go = os.pipe()
    try:
        supervisor.discard_server(str(folder))
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name not in {supervisor.LOCK, supervisor.ALIVE}:
                entry.unlink()
        child = launch(folder, command(folder), alive, go)
        os.write(signal_go, b"!")
    finally:
        os.close(go)
        os.close(signal_go)  # without the byte the supervisor leaves
        os.close(alive)
    return child
