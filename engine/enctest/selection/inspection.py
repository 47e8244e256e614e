"""Whose default values somebody looks at, without a call: `inspect.signature` and its like. An audit hook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, FunctionType

from enctest.selection.boundary import Boundary
from enctest.selection.callers import Asker, Callers
from enctest.selection.paths import inspected

_ATTRIBUTES = frozenset({"__defaults__", "__kwdefaults__"})


class InspectionWatch:
    """Tells of project functions that are asked for their default values.

    Python raises an audit event for these two attributes, whatever way they are read.

    Args:
        boundary: Says which files are the project's own.
        callers: Knows who asks. pytest does so for each test and fixture, to know the arguments it has to
            give: the values are nothing to it.
        used: Gets `&path` and who asks.
        guard: Does something and keeps its exceptions.
    """

    def __init__(
        self,
        boundary: Boundary,
        callers: Callers,
        used: Callable[[str, Asker], None],
        guard: Callable[[Callable[[], object]], None],
    ) -> None:
        self._boundary = boundary
        self._callers = callers
        self._used = used
        self._guard = guard
        self.active = False

    def install(self) -> None:
        """Start to listen; an audit hook stays until the process ends, but can be deaf."""
        self.active = True

        def hear(event: str, arguments: tuple[object, ...]) -> None:
            if event == "object.__getattr__" and arguments[1] in _ATTRIBUTES and self.active:
                frame = sys._getframe(1)  # noqa: SLF001 - the only way to know who asks
                self._guard(lambda: self._asked(arguments[0], frame))

        sys.addaudithook(hear)

    def _asked(self, function: object, frame: FrameType) -> None:
        asker = self._callers.asker(frame)
        if isinstance(function, FunctionType) and not asker.own:
            file = function.__code__.co_filename
            path = None if file.startswith("<") else self._boundary.relative(file)
            if path is not None:
                self._used(inspected(path), asker)
