"""The worker's way out: a queue that costs nothing to fill, and a thread that sends it."""

from __future__ import annotations

import _thread
import os
import select
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from enctest.debuggers import start_thread
from enctest.record import Record
from enctest.wire import pack

_poll = select.poll
"""Kept: tests may patch it."""

Item = Record | Callable[[], Record | None]
"""A record, or a function that makes one when it is sent (None: nothing to send)."""

INTERVAL = 0.02
"""Seconds between two sends."""
BATCH = 500
"""Records in one frame at most."""


class Emitter:
    """Sends records through a file descriptor, every 20 ms, from a thread of its own.

    The thread is a bare one: tests that list or count `threading`'s threads do not see it, and it is
    away while a test forks, so that the interpreter does not warn of threads at a fork.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._queue: deque[Item] = deque()
        self.emit: Callable[[Item], None] = self._queue.append
        self._sending = _thread.allocate_lock()
        self._wake = _thread.allocate_lock()
        self._gone = _thread.allocate_lock()
        self._stopping = True
        self._owner = os.getpid()
        self._parked = False
        self.error = ""
        self.lookers: list[Callable[[], None]] = []
        """Called on the thread before each send, to look for what is to be sent."""
        self.hear: Callable[[bytes], None] | None = None
        """Takes what comes from the other end, on the thread; None where nothing does."""

    def start(self) -> None:
        """Begin to send."""
        os.register_at_fork(before=self._pause, after_in_parent=self._resume, after_in_child=self._silence)
        self._resume()

    def park(self) -> None:
        """Send the rest and stop: this process is about to be forked, and the child goes on."""
        self._pause()
        self.flush()
        self._parked = True

    def unpark(self, fd: int | None = None) -> None:
        """Go on, in this process: through another descriptor (the old one is closed), or the same."""
        if fd is not None:
            self.abandon()
            self._fd = fd
        self._owner = os.getpid()
        self._parked = False
        self._resume()

    def abandon(self) -> None:
        """Close the descriptor, which another process goes on with."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def start_without_thread(self) -> None:
        """Send only when told to, where nobody waits for what is sent."""
        os.register_at_fork(after_in_child=self._silence)

    def relieve(self) -> None:
        """Send what is queued if it has become much."""
        if len(self._queue) >= BATCH:
            self.flush()

    def adopt(self, fd: int) -> None:
        """In a copy of the process that goes on with the run: send to a descriptor of its own."""
        self._fd, self._owner = fd, os.getpid()
        self._resume()

    def flush(self) -> None:
        """Send what is queued, now, on the caller's thread."""
        with self._sending:
            take = self._queue.popleft
            while self._queue:
                items = [take() for _ in range(min(len(self._queue), BATCH))]
                records = [item() if callable(item) else item for item in items]
                self._write(pack([record for record in records if record is not None]))

    def close(self) -> None:
        """Send the rest and close the descriptor."""
        self._pause()
        self.flush()
        self.abandon()

    def _write(self, data: bytes) -> None:
        if self._fd < 0:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:  # the explorer is gone: the run goes on unheard
            self.error = str(error)
            self._fd = -1

    def _loop(self) -> None:
        try:
            while not self._stopping:
                self._wake.acquire(timeout=INTERVAL)
                for look in self.lookers:
                    if not self._stopping:
                        look()
                if self.hear is not None and not self._stopping:
                    self._listen(self.hear)
                if self._queue and not self._stopping:
                    self.flush()
        finally:
            self._gone.release()

    def _listen(self, hear: Callable[[bytes], None]) -> None:
        arrivals = _poll()
        try:
            arrivals.register(self._fd, select.POLLIN)
            data = os.read(self._fd, 4096) if arrivals.poll(0) else None
        except (OSError, ValueError):  # it is closed
            data = b""
        if data:
            hear(data)
        elif data is not None:
            self.hear = None

    def _resume(self) -> None:
        if self._parked or os.getpid() != self._owner or not self._stopping or self._fd < 0:
            return
        self._stopping = False
        self._wake.acquire(blocking=False)
        self._gone.acquire(blocking=False)
        start_thread(self._loop)

    def _pause(self) -> None:
        if self._stopping or os.getpid() != self._owner:
            return
        self._stopping = True
        if self._wake.locked():
            self._wake.release()
        with self._gone:
            pass
        _wait_for_exit()

    def _silence(self) -> None:
        """In a child that a test forked: it must never speak for the worker."""
        if self._parked:
            return
        if self._fd >= 0:
            self._fd = -1
        self._stopping = True
        self._queue.clear()


def _wait_for_exit(patience: float = 0.5) -> None:
    """Wait for the thread that just ended to leave the kernel's list as well (some microseconds)."""
    tasks = Path("/proc/self/task")
    deadline = time.monotonic() + patience  # of a loaded machine
    while time.monotonic() < deadline:
        try:
            if len(os.listdir(tasks)) == 1:  # noqa: PTH208 - no generator, no Path per entry
                return
        except OSError:
            return
        os.sched_yield()
