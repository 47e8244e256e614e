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
_QUOTERS = tuple(os.path.join(os.sep, f"{name}.py") for name in ("traceback", "warnings", "linecache"))


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

    def is_own(self, frame: FrameType | None, *, quoting: bool = True) -> bool:
        """Tell whether pytest or the recorder asks, or (unless `quoting`) Python, to quote a line."""
        current = frame
        while current is not None:
            file = current.f_code.co_filename
            if not self.is_stdlib(file):
                name = _module(current)
                if not name.startswith(_BETWEEN):
                    return _is_own(name) and name != _RUNS_TESTS
            elif not quoting and file.endswith(_QUOTERS):
                return True
            current = current.f_back
        return False

    def library(self, frame: FrameType | None) -> str:
        """Return the top-level name of the installed library that asks, if one does.

        It may keep what it finds for later callers.
        """
        current = frame
        while current is not None:
            file, name = current.f_code.co_filename, _module(current)
            if not self.is_stdlib(file) and not name.startswith(_BETWEEN):
                ours = _is_own(name) or file.startswith("<") or self._boundary.relative(file) is not None
                return "" if ours else name.partition(".")[0]
            current = current.f_back
        return ""

    def importing_library(self) -> str:
        """Likewise for who asked for the module that is being imported now."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to know who asks
        while frame is not None and not self.is_stdlib(frame.f_code.co_filename):
            if not _is_own(_module(frame)):
                return ""
            frame = frame.f_back
        return self.library(frame)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in _OWN
