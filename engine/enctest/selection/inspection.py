"""Whose default values somebody looks at, without a call (`inspect.signature` and its like): audit events."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType, FunctionType

from enctest.selection.boundary import Boundary
from enctest.selection.callers import Asker, Callers
from enctest.selection.paths import inspected

ATTRIBUTES = frozenset({"__defaults__", "__kwdefaults__"})


class InspectionWatch:
    """Tells of project functions that are asked for their default values.

    Python raises an audit event for these two attributes, whatever way they are read.

    Args:
        boundary: Says which files are the project's own.
        callers: Knows who asks. pytest does so for each test and fixture, to know the arguments it has to
            give: the values are nothing to it.
        used: Gets `&path` and who asks.
    """

    def __init__(
        self,
        boundary: Boundary,
        callers: Callers,
        used: Callable[[str, Asker], None],
    ) -> None:
        self._boundary = boundary
        self._callers = callers
        self._used = used

    def heard(self, function: object, frame: FrameType | None) -> None:
        """Take the audit event that `frame` raised: it reads one of `ATTRIBUTES`."""
        asker = self._callers.asker(frame)
        if isinstance(function, FunctionType) and not asker.own:
            file = function.__code__.co_filename
            path = None if file.startswith("<") else self._boundary.relative(file)
            if path is not None:
                self._used(inspected(path), asker)
