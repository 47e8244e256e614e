"""Which project files a test reads, which folders it lists, whether it starts processes: an audit hook."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
from importlib.util import source_from_cache
from types import FrameType

from enctest.selection.boundary import Boundary

_STARTS = frozenset(
    {"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "os.fork", "os.forkpty"}
)
_LISTS = frozenset({"os.listdir", "os.scandir"})
_EVENTS = _STARTS | _LISTS | {"open"}
_OWN = frozenset({"_pytest", "pytest", "pluggy", "enctest", "_enctest"})
_RUNS_TESTS = "_pytest.pytester"
_IMPORT_FILE = "<frozen importlib._bootstrap_external>"
_METADATA = os.path.join("importlib", "metadata")
_QUOTERS = tuple(os.path.join(os.sep, f"{name}.py") for name in ("traceback", "warnings", "linecache"))


class FileWatch:
    """Tells of reads, listings and processes that the project's tests cause.

    Args:
        boundary: Says which files are the project's own.
        used: Gets a path relative to the root; folders end in `/`.
        started: Called with an audit event and its arguments when a process is started.
        guard: Does something and keeps its exceptions: one that left an audit hook would stop the caller.

    Attributes:
        written: Files that this process opened to write.
    """

    def __init__(
        self,
        boundary: Boundary,
        used: Callable[[str], None],
        started: Callable[[str, tuple[object, ...]], None],
        guard: Callable[[Callable[[], object]], None],
    ) -> None:
        self._guard = guard
        self._boundary = boundary
        self._used = used
        self._started = started
        self.written: set[str] = set()
        self._stdlib = tuple(
            {os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib")}
            | {"<frozen", "<string>"}
        )
        self._installed = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib")})
        self.active = False

    def install(self) -> None:
        """Start to listen; an audit hook stays until the process ends, but can be deaf.

        It hears tens of thousands of events, so it is a plain function: Python looks for an attribute of the
        hook at each of them, which takes three times as long with a method.
        """
        self.active = True

        def hear(event: str, arguments: tuple[object, ...]) -> None:
            if event in _EVENTS and self.active:
                frame = sys._getframe().f_back  # noqa: SLF001 - the only way to know who asks
                self._guard(lambda: self.heard(event, arguments, frame))

        sys.addaudithook(hear)

    def heard(self, event: str, arguments: tuple[object, ...], frame: FrameType | None) -> None:
        """Take an audit event that `frame` raised (None: Python itself, before any code)."""
        if event == "open":
            self._opened(arguments, frame)
        elif event in _LISTS:
            self._listed(arguments[0], frame)
        elif event in _STARTS and not self.is_own(frame):
            self._started(event, arguments)

    def _opened(self, arguments: tuple[object, ...], frame: FrameType | None) -> None:
        path, _, flags = arguments
        text = _absolute(path)
        if text is None or _is_import(frame):
            return
        if text.endswith(".pyc"):
            text = _source(text, frame)
        name = self._boundary.relative(text)
        if name is None:
            return
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self.written.add(name)  # a test that writes it and reads it again does not depend on it
        elif name not in self.written and not self.is_own(frame, quoting=not name.endswith(".py")):
            self._used(name)

    def _listed(self, path: object, frame: FrameType | None) -> None:
        caller = "" if frame is None else frame.f_code.co_filename
        if caller == _IMPORT_FILE or _METADATA in caller:
            return
        text = _absolute("." if path is None else path)
        folder = None if text is None else self._boundary.folder(text)
        if folder is not None and not self.is_own(frame):
            self._used(folder)

    def is_own(self, frame: FrameType | None, *, quoting: bool = True) -> bool:
        """Tell whether pytest or the recorder asks, or (unless `quoting`) Python, to quote a line."""
        current = frame
        while current is not None:
            file = current.f_code.co_filename
            if not file.startswith(self._stdlib) or file.startswith(self._installed):
                name = str(current.f_globals.get("__name__", ""))
                return name.partition(".")[0] in _OWN and name != _RUNS_TESTS
            if not quoting and file.endswith(_QUOTERS):
                return True
            current = current.f_back
        return False


def _is_import(frame: FrameType | None) -> bool:
    """Tell whether the import machinery reads a module's source or bytecode, for itself."""
    getter = None if frame is None else frame.f_back
    asker = None if getter is None else getter.f_back
    return (
        frame is not None
        and asker is not None
        and frame.f_code.co_filename == _IMPORT_FILE == asker.f_code.co_filename
    )


def _absolute(path: object) -> str | None:
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    try:
        text = os.fsdecode(path)
        return text if os.path.isabs(text) and ".." not in text else os.path.abspath(text)
    except (OSError, ValueError):  # no current folder any more, a null byte
        return None


def _source(path: str, frame: FrameType | None) -> str:
    """Return the source of a bytecode file that something other than an import loads (`runpy`)."""
    if frame is None or frame.f_code.co_filename != _IMPORT_FILE:
        return path
    try:
        return source_from_cache(path)
    except ValueError:
        return path
