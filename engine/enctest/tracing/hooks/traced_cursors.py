"""Drivers whose classes are written in C cannot be patched: connections and cursors of subclasses instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enctest.tracing.hooks.patching import transparent


class Subclasses:
    """Makes subclasses that look like their base and trace some methods.

    Args:
        methods: What stands in for a method, by its name; gets the base's method.
    """

    def __init__(self, methods: dict[str, Callable[[Any], Callable[..., Any]]]) -> None:
        self._methods = methods
        self._made: dict[type, type] = {}

    def of(self, base: type) -> type:
        """Return the traced subclass of `base`, the same one each time; a traced class stays itself."""
        if any(base is made for made in self._made.values()):
            return base
        made = self._made.get(base)
        if made is None:
            made = self._made.setdefault(base, self._make(base))
        return made

    def _make(self, base: type) -> type:
        body: dict[str, Any] = {
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
        }
        for name, make in self._methods.items():
            original = getattr(base, name, None)
            if original is not None:
                body[name] = _disguise(make(original), original, base, name)
        return type(base)(base.__name__, (base,), body)


def _disguise(function: Any, original: Any, base: type, name: str) -> Any:
    transparent(function)
    function.__name__ = name
    function.__qualname__ = f"{base.__qualname__}.{name}"
    function.__module__ = base.__module__
    function.__doc__ = getattr(original, "__doc__", None)
    function.__wrapped__ = original
    return function
