"""Which code is the project's: call sites of spans, and stacks of exceptions."""

from __future__ import annotations

import _thread
import os
import sys
import sysconfig
from types import FrameType, TracebackType
from typing import Any, Final

STACK_LIMIT: Final = 30
"""Frames that a stack may have."""
_DEPTH: Final = 150  # frames to look at before giving up on a call site


class _Elsewhere(_thread._local):  # noqa: SLF001 - the bare one: `threading` need not be imported
    """Where the work was ordered that this thread does for another; None if it does its own."""

    site: tuple[str, int] | None = None


class Frames:
    """Tells the project's frames from those of libraries.

    Args:
        root: The project's root; paths are given relative to it.
    """

    def __init__(self, root: str) -> None:
        self._root = os.path.join(os.path.realpath(root), "")
        paths = sysconfig.get_paths()
        outside = {paths["purelib"], paths["platlib"], paths["stdlib"], os.path.dirname(__file__)}
        if sys.prefix != sys.base_prefix:
            outside.add(sys.prefix)
        self._outside = tuple(os.path.join(os.path.realpath(path), "") for path in outside)
        self._known: dict[str, str | None] = {}
        self.elsewhere = _Elsewhere()

    def relative(self, filename: str) -> str | None:
        """Return the path of a project file relative to the root; None for files of others."""
        try:
            return self._known[filename]
        except KeyError:
            return self._known.setdefault(filename, self._classify(filename))

    def shown(self, filename: str) -> str:
        """Return `filename` relative to the root where it is the project's, else unchanged."""
        return self.relative(filename) or filename

    def call_site(self, frame: FrameType | None) -> tuple[str, int] | None:
        """Return file and line of the innermost frame at or above `frame` that is the project's."""
        known = self._known
        current = frame
        for _ in range(_DEPTH):
            if current is None:
                break
            filename = current.f_code.co_filename
            path = known[filename] if filename in known else self.relative(filename)
            if path is not None:
                return path, current.f_lineno
            current = current.f_back
        return self.elsewhere.site or self._beyond_greenlet()

    def stack(self, traceback: TracebackType | None) -> list[str]:
        """Return `file:line function`, outermost first, of the project's frames, or of all if it has none."""
        everything, own = [], []
        while traceback is not None:
            code = traceback.tb_frame.f_code
            path = self.relative(code.co_filename)
            line = f"{path or code.co_filename}:{traceback.tb_lineno} {code.co_qualname}"
            everything.append(line)
            if path is not None:
                own.append(line)
            traceback = traceback.tb_next
        return (own or everything)[-STACK_LIMIT:]

    def _classify(self, filename: str) -> str | None:
        if filename.startswith("<"):
            return None
        path = os.path.realpath(os.path.join(self._root, filename))
        foreign = path.startswith(self._outside) or "site-packages" in path or "dist-packages" in path
        return path[len(self._root) :] if path.startswith(self._root) and not foreign else None

    def _beyond_greenlet(self) -> tuple[str, int] | None:
        """Go on in the greenlet that waits for this one (SQLAlchemy's asyncio extension)."""
        greenlet: Any = sys.modules.get("greenlet")
        parent = getattr(greenlet.getcurrent(), "parent", None) if greenlet is not None else None
        while parent is not None:
            frame = parent.gr_frame
            while frame is not None:
                path = self.relative(frame.f_code.co_filename)
                if path is not None:
                    return path, frame.f_lineno
                frame = frame.f_back
            parent = parent.parent
        return None
