"""Which project files a test reads, which folders it lists, whether it starts processes, by audit events."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from importlib.util import source_from_cache
from types import FrameType

from enctest.selection.boundary import Boundary
from enctest.selection.callers import Asker, Callers, file_of
from enctest.selection.paths import looked_at

_STARTS = frozenset(
    {"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "os.fork", "os.forkpty"}
)
_LISTS = frozenset({"os.listdir", "os.scandir"})
EVENTS = _STARTS | _LISTS | {"open"}
"""The audit events to hear."""
_IMPORT_MODULE = vars(importlib._bootstrap_external)  # noqa: SLF001 - who reads modules for Python itself
_METADATA = os.path.join("importlib", "metadata")


class FileWatch:
    """Tells of reads, listings and processes that the project's tests cause.

    Args:
        boundary: Says which files are the project's own.
        callers: Knows who asks.
        used: Gets a path relative to the root (folders end in `/`) and who asks.
        started: Called with an audit event and its arguments when a process is started.

    Attributes:
        written: Files that this process opened to write.
    """

    def __init__(
        self,
        boundary: Boundary,
        callers: Callers,
        used: Callable[[str, Asker], None],
        started: Callable[[str, tuple[object, ...]], None],
    ) -> None:
        self._boundary = boundary
        self._callers = callers
        self._used = used
        self._started = started
        self.written: set[str] = set()
        self._made: set[str] = set()

    def not_made(self, names: set[str]) -> set[str]:
        """Return `names` without the files that were only looked at and that the run itself has written."""
        return names - self._made if self._made else names

    def heard(self, event: str, arguments: tuple[object, ...], frame: FrameType | None) -> None:
        """Take an audit event that `frame` raised (None: Python itself, before any code)."""
        if event == "open":
            self._opened(arguments, frame)
        elif event in _LISTS:
            self._listed(arguments[0], frame)
        elif event in _STARTS and not self._callers.is_own(frame):
            self._started(event, arguments)

    def _opened(self, arguments: tuple[object, ...], frame: FrameType | None) -> None:
        path, _, flags = arguments
        text = absolute(path)
        if text is None or _is_import(frame):
            return
        if text.endswith(".pyc"):
            text = _source(text, frame)
        name = self._boundary.relative(text)
        if name is None:
            return
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._wrote(name)  # a test that writes it and reads it again does not depend on it
        elif name not in self.written and not (name.endswith(".py") and self._callers.is_quoted(frame)):
            self._tell(name, frame)

    def _wrote(self, name: str) -> None:
        self.written.add(name)
        while name:
            self._made.add(looked_at(name))
            name = name.rpartition("/")[0]

    def _listed(self, path: object, frame: FrameType | None) -> None:
        if frame is not None and (_is_importlib(frame) or _METADATA in file_of(frame)):
            return
        text = absolute("." if path is None else path)
        folder = None if text is None else self._boundary.folder(text)
        if folder is not None:
            self._tell(folder, frame)

    def _tell(self, name: str, frame: FrameType | None) -> None:
        asker = self._callers.asker(frame, reads=True)
        if not asker.own:
            self._used(name, asker)


def _is_import(frame: FrameType | None) -> bool:
    """Tell whether the import machinery reads a module's source or bytecode, for itself."""
    getter = None if frame is None else frame.f_back
    asker = None if getter is None else getter.f_back
    if frame is None or asker is None or not _is_importlib(frame):
        return False
    return (
        asker.f_code.co_filename == frame.f_code.co_filename
    )  # not by modules: `hook` has put one in between


def _is_importlib(frame: FrameType) -> bool:
    return frame.f_globals is _IMPORT_MODULE


def absolute(path: object) -> str | None:
    """Return the absolute form of a path that somebody gave to the system; None when it is none."""
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    try:
        text = os.fsdecode(path)
        return text if os.path.isabs(text) and ".." not in text else os.path.abspath(text)
    except (OSError, ValueError):  # no current folder any more, a null byte
        return None


def _source(path: str, frame: FrameType | None) -> str:
    """Return the source of a bytecode file that something other than an import loads (`runpy`)."""
    if frame is None or not _is_importlib(frame):
        return path
    try:
        return source_from_cache(path)
    except ValueError:
        return path
