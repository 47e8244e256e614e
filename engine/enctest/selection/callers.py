"""Who asks: the project's code (or a library on its behalf), or pytest and the recorder for themselves."""

from __future__ import annotations

import os
import sys
import sysconfig
from enum import Enum, auto
from types import FrameType
from typing import NamedTuple

from enctest.selection.boundary import Boundary

_OWN = frozenset({"_pytest", "pytest", "pluggy", "enctest", "_enctest"})
_RUNS_TESTS = "_pytest.pytester"
"""A part of pytest that works for tests."""
_BETWEEN = ("enctest.tracing", "enctest.services.processes")
"""What wraps functions of libraries: it is on the stack between them and who calls them."""
_RESTORER = "unittest.mock"
_READERS = ("enctest.databases", "enctest.services")
"""What reads files for tests besides: the migrations of a database that test code declares."""
_QUOTERS = frozenset({"traceback", "warnings", "linecache"})


class Asker(NamedTuple):
    """Who asks.

    Attributes:
        own: pytest, or the recorder, for itself.
        library: Top-level name of the installed library that asks; empty if none does. It may keep what it
            finds for later callers.
        puts_back: A patch asks, to put back later what it finds.
    """

    own: bool = False
    library: str = ""
    puts_back: bool = False


class _Kind(Enum):
    """Whose code a frame runs."""

    STDLIB = auto()
    BETWEEN = auto()
    OWN = auto()
    READER = auto()
    PROJECT = auto()
    LIBRARY = auto()


_NOBODY = Asker()
_ITSELF = Asker(own=True)


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
        self._kinds: dict[object, _Kind] = {}

    def is_stdlib(self, file: str) -> bool:
        """Tell whether code of this file belongs to the standard library (or to no file)."""
        return file.startswith(self._stdlib) and not file.startswith(self._installed)

    def asker(self, frame: FrameType | None, *, reads: bool = False) -> Asker:
        """Return who asks: the nearest code that is neither the standard library's nor a wrapper's.

        `reads`: for the content of a file or folder.
        """
        kinds = self._kinds
        puts_back = False
        while frame is not None:
            space = frame.f_globals
            file = space.get("__file__")
            try:
                kind = kinds[file]
            except (KeyError, TypeError):  # TypeError: a module has given itself a strange one
                kind = self._kind(frame, file)
            if kind is _Kind.STDLIB:
                puts_back = puts_back or space.get("__name__") == _RESTORER
            elif kind is not _Kind.BETWEEN and not (reads and kind is _Kind.READER):
                if kind is _Kind.OWN or kind is _Kind.READER:
                    return _ITSELF
                if kind is _Kind.PROJECT and not puts_back:
                    return _NOBODY
                library = _module(frame).partition(".")[0] if kind is _Kind.LIBRARY else ""
                return Asker(library=library, puts_back=puts_back)
            frame = frame.f_back
        return Asker(puts_back=puts_back)

    def is_own(self, frame: FrameType | None) -> bool:
        """Tell whether pytest or the recorder asks."""
        return self.asker(frame).own

    def is_quoted(self, frame: FrameType | None) -> bool:
        """Tell whether Python asks, to quote a line."""
        while frame is not None:
            name = _module(frame)
            if name in _QUOTERS:
                return True
            if not (self.is_stdlib(file_of(frame)) or name.startswith(_BETWEEN)):
                return False
            frame = frame.f_back
        return False

    def importing_library(self) -> str:
        """Return the top-level name of the library that asked for the module that is being imported now."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to know who asks
        while frame is not None and not self.is_stdlib(file_of(frame)):
            if not _is_own(_module(frame)):
                return ""
            frame = frame.f_back
        return self.asker(frame).library

    def _kind(self, frame: FrameType, named: object) -> _Kind:
        """Return what a frame runs; remembered for the file that its module says it is."""
        file, name = file_of(frame), _module(frame)
        kind = _Kind.LIBRARY
        if self.is_stdlib(file):
            kind = _Kind.STDLIB
        elif name.startswith(_BETWEEN):
            kind = _Kind.BETWEEN
        elif name.startswith(_READERS):
            kind = _Kind.READER
        elif _is_own(name) and name != _RUNS_TESTS:
            kind = _Kind.OWN
        elif name == _RUNS_TESTS or file.startswith("<") or self._boundary.relative(file) is not None:
            kind = _Kind.PROJECT
        if type(named) is str:
            self._kinds[named] = kind
        return kind


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
