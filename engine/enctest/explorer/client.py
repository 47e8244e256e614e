"""One front end's connection to the explorer, which it starts when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from enctest.errors import EnctestError
from enctest.events import Command, ExplorerEvent, Subscribe
from enctest.paths import Project
from enctest.wire import Unpacker, pack

_PATIENCE = 15.0
"""Seconds an explorer may take to open its door."""

_LAST_FAILED = frozenset({"--lf", "--last-failed"})

_started: list[subprocess.Popen[bytes]] = []
"""Kept, since a dropped handle of a running process is a ResourceWarning."""


class Feed(Protocol):
    """What a front end needs: events to drain, commands to send.

    A front end polls `drain` on a timer (15 to 30 times a second), folds what it gets and repaints once.
    """

    closed: str
    """Why the connection ended; empty while it lives."""

    def drain(self, limit: int = 5000) -> Sequence[ExplorerEvent]:
        """Return up to `limit` events that have arrived, oldest first, without waiting."""
        ...

    def send(self, command: Command) -> None:
        """Queue a command; never blocks."""
        ...

    async def wait(self) -> None:
        """Wait until there is something to drain, or the connection has ended."""
        ...

    async def close(self) -> None:
        """Leave; the explorer ends with its last front end."""
        ...


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What an explorer process is started with, as JSON in its first argument."""

    start: str
    args: list[str]
    python: str
    door: str


@dataclass(frozen=True)
class Handle:
    """An explorer that runs or is starting."""

    project: Project
    door: Path
    launch: Launch
    environment: Mapping[str, str] | None = None

    @property
    def log(self) -> Path:
        """Where its standard error goes."""
        return self.door.with_suffix(".log")


def watched(args: Sequence[str]) -> tuple[str, ...]:
    """Return pytest arguments without `--lf`, which says where to begin.

    pytest would choose anew for every run, by its own record of what failed: a test that has just passed
    would be gone from the session, and the next save that breaks it would go unseen.
    """
    return tuple(arg for arg in args if arg not in _LAST_FAILED)


def spawn(
    project: Project,
    args: Sequence[str] = (),
    python: str = "",
    environment: Mapping[str, str] | None = None,
) -> Handle:
    """Start the explorer of a project unless one is running; returns at once.

    Args:
        project: Whose tests.
        args: pytest arguments.
        python: The project's interpreter; empty finds one.
        environment: What it, and so the tests, find as environment (default: this process's).

    Raises:
        EnctestError: The interpreter asked for does not exist.
    """
    from enctest.session.control import find_python

    interpreter = find_python(project.root, python)
    key = hashlib.sha256(
        "\0".join([interpreter, str(project.invocation), *watched(args)]).encode()
    ).hexdigest()[:8]
    door = project.runtime / f"{key}.sock"
    launch = Launch(start=str(project.invocation), args=list(args), python=interpreter, door=str(door))
    handle = Handle(project=project, door=door, launch=launch, environment=environment)
    if not _is_running(door):
        _start(handle)
    return handle


async def connect(handle: Handle, *, spans: bool = False) -> Feed:
    """Join an explorer; its first event is `Attached`.

    Args:
        handle: What `spawn` returned.
        spans: Get the spans of all tests, not only the followed one's.

    Raises:
        EnctestError: It did not start; the error says why.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        if connection := await _join(handle.door, spans=spans):
            return connection
        if time.monotonic() > deadline:
            raise _did_not_start(handle)
        if not _is_starting() and not _is_running(handle.door):
            _start(handle)
        await asyncio.sleep(0.02)


async def _join(door: Path, *, spans: bool) -> Connection | None:
    """Join who is behind a door; None if nobody is, or one that is leaving and has hung up without a word."""
    try:
        reader, writer = await asyncio.open_unix_connection(door, limit=2**20)
    except OSError:
        return None
    connection = Connection(reader, writer)
    connection.send(Subscribe(spans=spans))
    await connection.wait()
    if connection.is_answered:
        return connection
    await connection.close()
    return None


class Connection:
    """A `Feed` over the explorer's socket; `is_answered` once anything has come from there."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.closed = ""
        self.is_answered = False
        self._reader = reader
        self._writer = writer
        self._events: deque[ExplorerEvent] = deque()
        self._arrived = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    def drain(self, limit: int = 5000) -> Sequence[ExplorerEvent]:
        """Return up to `limit` events that have arrived, oldest first, without waiting."""
        events = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        if not self._events and not self.closed:
            self._arrived.clear()
        return events

    def send(self, command: Command) -> None:
        """Queue a command; never blocks."""
        if not self._writer.is_closing():
            self._writer.write(pack([command]))

    async def wait(self) -> None:
        """Wait until there is something to drain, or the connection has ended."""
        await self._arrived.wait()

    async def close(self) -> None:
        """Leave; the explorer ends with its last front end."""
        self._task.cancel()
        self._writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._task
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        unpacker: Unpacker[ExplorerEvent] = Unpacker(ExplorerEvent)
        reason = "the explorer ended"
        try:
            while data := await self._reader.read(2**18):
                self.is_answered = True
                self._events.extend(unpacker.feed(data))
                self._arrived.set()
        except (OSError, EnctestError) as error:
            reason = f"the explorer was lost: {error}"
        self.closed = reason
        self._arrived.set()


def lock_of(door: Path) -> Path:
    """Return the file that a running explorer holds a lock on."""
    return door.with_suffix(".lock")


def _is_running(door: Path) -> bool:
    """Tell whether somebody holds the lock; true also while an explorer is starting."""
    try:
        descriptor = os.open(lock_of(door), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_starting() -> bool:
    """Tell whether an explorer that we started lives; it may not hold its lock yet."""
    return any(process.poll() is None for process in _started)


def _start(handle: Handle) -> None:
    """Start an explorer in a session of its own; of two started at once the second sees the lock."""
    descriptor = os.open(handle.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "enctest.explorer", msgspec.json.encode(handle.launch).decode()],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            env=handle.environment,
        )
    finally:
        os.close(descriptor)
    _started.append(process)


def _did_not_start(handle: Handle) -> EnctestError:
    try:
        log = handle.log.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        log = ""
    return EnctestError("the explorer did not start", log[-2000:] or f"Its log, {handle.log}, is empty.")
