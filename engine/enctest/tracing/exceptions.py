"""What is told of an exception: type, message, stack, and the variables of the functions that it left."""

from __future__ import annotations

import sys
from types import FrameType, TracebackType
from typing import Final

from enctest.events import Attributes
from enctest.tracing.callsite import Frames
from enctest.tracing.values import shorten, show_named

_FRAMES: Final = 5
"""Innermost frames whose variables are told."""
_NAMES: Final = 20
"""Variables that are told of one frame."""
_LENGTH: Final = 300
"""Characters that are shown of one variable."""


def described(frames: Frames, error: BaseException) -> Attributes:
    """Return the attributes of an exception."""
    attributes: Attributes = {
        "exception.type": _qualified(type(error)),
        "exception.message": text_of(error),
        "exception.stack": frames.stack(error.__traceback__),
    }
    variables = _local_variables(frames, error.__traceback__)
    if variables:
        attributes["exception.locals"] = variables
    return attributes


def text_of(error: BaseException) -> str:
    """Return an exception's message, whatever its own code does."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - the application's own __str__ may raise anything
        return f"<no message: {type(broken).__name__}>"


def _qualified(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _local_variables(frames: Frames, traceback: TracebackType | None) -> list[str]:
    """Return `file:line function: name = value` of the project's innermost frames, the outermost first.

    Functions that still run are left out: on Python before 3.13 a look at their variables would keep old
    values alive. Names that Python or pytest made up (`@py_assert1`) are no variables; secrets are hidden.
    """
    running = _running()
    own: list[tuple[FrameType, str]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        path = frames.relative(frame.f_code.co_filename)
        if path is not None and id(frame) not in running:
            own.append((frame, f"{path}:{traceback.tb_lineno} {frame.f_code.co_qualname}"))
        traceback = traceback.tb_next
    return [line for frame, place in own[-_FRAMES:] for line in _shown(frame, place)]


def _shown(frame: FrameType, place: str) -> list[str]:
    if frame.f_code.co_name == "<module>":
        return []
    names = [name for name in frame.f_locals if name.isidentifier()]
    lines = [
        f"{place}: {name} = {shorten(show_named(name, frame.f_locals[name]), _LENGTH)}"
        for name in names[:_NAMES]
    ]
    if len(names) > _NAMES:
        lines.append(f"{place}: … ({len(names) - _NAMES} more variables)")
    return lines


def _running() -> set[int]:
    found = set()
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - `inspect` would read source files
    while frame is not None:
        found.add(id(frame))
        frame = frame.f_back
    return found
