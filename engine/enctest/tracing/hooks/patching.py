"""Replaces functions of libraries so that neither tracebacks, warnings nor signatures tell."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

_MARK = "_enctest_wrapped"
F = TypeVar("F", bound=Callable[..., Any])


class Patches:
    """Remembers what was replaced, and puts it back."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any, Any]] = []
        self._last: list[Callable[[], None]] = []

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
        """Replace `owner.name` by `make(original)`, once; do nothing when the library lacks it.

        Args:
            owner: A class or module.
            name: The function's name; one that a class only inherits is left to its base.
            make: Gets the original function, returns what stands in for it.
        """
        original = vars(owner).get(name)
        if original is not None and not hasattr(original, _MARK):
            self.wrap_again(owner, name, make)

    def wrap_again(self, owner: Any, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
        """Replace `owner.name` by `make(original)`, even if that is ours already."""
        original = vars(owner)[name]
        replacement: Any = functools.wraps(original)(transparent(make(original)))
        setattr(replacement, _MARK, True)
        setattr(owner, name, replacement)
        self._undo.append((owner, name, original, replacement))

    def add(self, owner: Any, name: str, function: Callable[..., Any]) -> None:
        """Give a class a method that it only inherits so far, once."""
        if name not in vars(owner):
            function.__name__ = name
            setattr(owner, name, transparent(function))
            self._undo.append((owner, name, None, vars(owner)[name]))

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace `owner.name`, such as a property, by `make(original)`; nothing when it is missing."""
        original = vars(owner).get(name)
        if original is not None:
            replacement = make(original)
            setattr(owner, name, replacement)
            self._undo.append((owner, name, original, replacement))

    def share(self, owner: Any, name: str, source: Any, original_name: str = "") -> None:
        """Replace `owner.name` by what `source.name`, or `source.original_name`, is now, if that was it."""
        replacement = vars(source).get(original_name or name)
        original = getattr(replacement, "__wrapped__", None)
        if original is not None and vars(owner).get(name) is original:
            setattr(owner, name, replacement)
            self._undo.append((owner, name, original, replacement))

    def on_restore(self, function: Callable[[], None]) -> None:
        """Have `function` called when the originals are about to be put back."""
        self._last.append(function)

    def restore(self) -> None:
        """Put the originals back, except where somebody replaced ours since."""
        while self._last:
            self._last.pop()()
        while self._undo:
            owner, name, original, replacement = self._undo.pop()
            if vars(owner).get(name) is not replacement:
                continue
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


def transparent(function: F) -> F:
    """Make `function`'s frames count as the interpreter's own.

    `warnings` (stacklevel) and `logging` (caller) step over frames whose file name holds both
    `importlib` and `_bootstrap`; a name in angle brackets is no file to debuggers and coverage.
    """
    if isinstance(function, FunctionType):
        name = f"<enctest {function.__name__}, no file: importlib._bootstrap>"
        function.__code__ = function.__code__.replace(co_filename=name)
    return function
