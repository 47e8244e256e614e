"""Who asks: the project's code (or a library on its behalf), or pytest and the recorder for themselves."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import FrameType

from enctest.selection.boundary import Boundary

_OWN = frozenset({"_pytest", "pytest", "pluggy", "enctest", "_enctest"})
_RUNS_TESTS = "_pytest.pytester"
"""A part of pytest that works for tests."""
_BETWEEN = "enctest.tracing"
"""What wraps functions of libraries: it is on the stack between them and who calls them."""
_READERS = (_BETWEEN, "enctest.databases", "enctest.services")
"""What reads files for tests besides: the migrations of a database that test code declares."""
_QUOTERS = frozenset({"traceback", "warnings", "linecache"})


class Callers:
    """Tells the standard library's code from other code, and knows whom it works for.

    Args:
        boundary: Says which files are the project's own.
    """

    def __init__(self, boundary: Boundary) -> None:
        self._boundary = boundary
        self._stdlib = tuple(
            {os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib")}
            | {"<frozen", "<string>"}
        )
        self._installed = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib")})
        self._known: dict[str, bool] = {}

    def is_stdlib(self, file: str) -> bool:
        """Tell whether code of this file belongs to the standard library (or to no file)."""
        try:
            return self._known[file]
        except KeyError:
            found = file.startswith(self._stdlib) and not file.startswith(self._installed)
            self._known[file] = found
            return found

    def is_own(self, frame: FrameType | None, *, quoting: bool = True, reads: bool = False) -> bool:
        """Tell whether pytest or the recorder asks, or (unless `quoting`) Python, to quote a line.

        `reads`: for the content of a file or folder.
        """
        current = frame
        between = _READERS if reads else _BETWEEN
        known = self._known
        while current is not None:
            file = current.f_globals.get("__file__")  # as `file_of`, which would be a call for each frame
            if type(file) is not str:
                file = current.f_code.co_filename
            if not (known[file] if file in known else self.is_stdlib(file)):
                name = _module(current)
                if not name.startswith(between):
                    return _is_own(name) and name != _RUNS_TESTS
            elif not quoting and _module(current) in _QUOTERS:
                return True
            current = current.f_back
        return False

    def library(self, frame: FrameType | None) -> str:
        """Return the top-level name of the installed library that asks, if one does.

        It may keep what it finds for later callers.
        """
        current = frame
        while current is not None:
            file, name = file_of(current), _module(current)
            if not self.is_stdlib(file) and not name.startswith(_BETWEEN):
                ours = _is_own(name) or file.startswith("<") or self._boundary.relative(file) is not None
                return "" if ours else name.partition(".")[0]
            current = current.f_back
        return ""

    def importing_library(self) -> str:
        """Likewise for who asked for the module that is being imported now."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to know who asks
        while frame is not None and not self.is_stdlib(file_of(frame)):
            if not _is_own(_module(frame)):
                return ""
            frame = frame.f_back
        return self.library(frame)


def file_of(frame: FrameType) -> str:
    """Return the file whose code a frame runs.

    Its module says so, mostly: to read `frame.f_code` is an audit event, which costs more than the rest.
    """
    file = frame.f_globals.get("__file__")
    return file if type(file) is str else frame.f_code.co_filename


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__", "")
    return name if type(name) is str else str(name)


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in _OWN
