"""Which project files somebody looks at without opening them: no audit event tells of `os.stat`."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from enctest.selection.boundary import Boundary
from enctest.selection.callers import Asker, Callers, file_of
from enctest.selection.files import absolute
from enctest.selection.paths import looked_at

_FUNCTIONS = ("stat", "lstat", "access")
_SETS = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")
_RESOLVERS = frozenset({"_joinrealpath", "realpath", "samefile"})
"""Functions of `os.path` that look at links, not whether something is there."""
_PATHS = frozenset({"genericpath", os.path.__name__})
_MOST_FOREIGN = 10_000
"""Paths outside of the project that are remembered: programs look at the same ones again and again."""
_METADATA = os.path.join("importlib", "metadata")


class ExistenceWatch:
    """Tells of files and folders that are looked at, whether they are there or not.

    `os.path.exists`, `Path.is_file` and their like call `os.stat` by its name in `os`, on all Pythons.

    Args:
        boundary: Says which files are the project's own.
        callers: Knows who asks.
        used: Gets `?path`, relative to the root, and who asks.
        guard: Calls its first argument with the others and keeps the exceptions.
    """

    def __init__(
        self,
        boundary: Boundary,
        callers: Callers,
        used: Callable[[str, Asker], None],
        guard: Callable[..., None],
    ) -> None:
        self._boundary = boundary
        self._callers = callers
        self._used = used
        self._guard = guard
        self._foreign: set[str] = set()
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Exchange the functions in `os`, also where it lists what they can do."""
        for name in _FUNCTIONS:
            real = getattr(os, name)
            watched = self._watched(real, name)
            setattr(os, name, watched)
            self._undo.append(functools.partial(setattr, os, name, real))
            for capability in _SETS:
                found = getattr(os, capability, None)
                if isinstance(found, set) and real in found:
                    found.add(watched)
                    self._undo.append(functools.partial(found.discard, watched))

    def uninstall(self) -> None:
        """Put the functions back."""
        while self._undo:
            self._undo.pop()()

    def _watched(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        look, guard, foreign = self._look, self._guard, self._foreign
        is_foreign = self._boundary.is_known_foreign

        @functools.wraps(real)
        def watched(*args: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            path = args[0] if args else options.get("path")
            if path.__class__ is str and (path in foreign or is_foreign(path)):
                return real(*args, **options)
            if path.__class__ is not int and options.get("dir_fd") is None:
                frame = sys._getframe(1)  # noqa: SLF001 - the only way to know who asks
                if frame.f_globals.get("__name__") not in _PATHS or frame.f_code.co_name not in _RESOLVERS:
                    guard(look, path, frame)
            return real(*args, **options)

        watched.__module__, watched.__qualname__ = "os", name
        return watched

    def _look(self, path: object, frame: FrameType) -> None:
        asker = self._callers.asker(frame)
        if asker.own or _METADATA in file_of(frame):
            return
        text = absolute(path)
        name = None if text is None else self._boundary.relative(text)
        if text is not None and name is None and text == path and len(self._foreign) < _MOST_FOREIGN:
            self._foreign.add(text)
        if name and not (name.endswith(".py") and self._callers.is_quoted(frame)):
            self._used(looked_at(name), asker)
