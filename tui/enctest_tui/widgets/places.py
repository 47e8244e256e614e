"""Places in source files that a list can be asked to open."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class SourceWanted(Message):
    """A line is to be opened in the user's editor.

    Attributes:
        path: The file, absolute or relative to the project's root.
        line: From 1; 0 for none.
    """

    path: str
    line: int
