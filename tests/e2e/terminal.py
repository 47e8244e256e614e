"""A program in a pseudo-terminal, read through a screen emulator."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte
from tests.harness import PATIENCE, wait_until


class _Screen(pyte.Screen):
    """Passes over what editors ask of terminals and pyte takes for colours: `CSI > 4 ; 2 m` and the like."""

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        """Set colours."""
        if not private:
            super().select_graphic_rendition(*attrs)

    def report_device_status(self, mode: int, *, private: bool = False) -> None:
        """Say nothing of what only newer terminals are asked."""
        if not private:
            super().report_device_status(mode)


class Terminal:
    """Runs a command on a screen of its own.

    Args:
        command: What to run.
        cwd: Where.
        env: Its environment; TERM is set here.
        size: Columns and rows.

    Attributes:
        raw: All that it has written.
    """

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], size: tuple[int, int] = (120, 40)
    ) -> None:
        self.screen = _Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self.status: int | None = None
        self.raw = bytearray()
        shape = struct.pack("HHHH", size[1], size[0], 0, 0)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, shape)
            os.chdir(cwd)
            os.execve(command[0], list(command), {"TERM": "xterm-256color", "COLORTERM": "truecolor", **env})
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return what is on the screen."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self.screen.display)

    def see(self, *parts: str, patience: float = PATIENCE) -> str:
        """Wait until all of these are on the screen; return the screen."""
        try:
            wait_until(f"{parts} on the screen", lambda: all(part in self.text() for part in parts), patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None
        return self.text()

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._fd, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give the screen another size, as when its window is drawn larger."""
        with self._lock:
            self.screen.resize(lines, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def ended(self) -> int:
        """Wait until the program has ended; return its exit code."""

        def gone() -> bool:
            if self.status is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.status = os.waitstatus_to_exitcode(status)
            return self.status is not None

        wait_until("the program ends", gone)
        assert self.status is not None
        return self.status

    def close(self) -> None:
        """Kill it if it lives."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.ended()
        self._thread.join(5)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                if self.status is not None and not select.select([self._fd], [], [], 0)[0]:
                    return
                if select.select([self._fd], [], [], 0.1)[0]:
                    data = os.read(self._fd, 65536)
                    if not data:
                        return
                    with self._lock:
                        self.raw += data
                        self._stream.feed(data)
