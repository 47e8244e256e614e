"""Lines of a key and what it does: what does not fit goes on below the words, not below the key."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

_LEAST = 12
"""Columns for the words, however narrow it is."""

Sign = tuple[str, str, str]
"""What stands in front of a word, its style, and the word."""


class _Lines(Static):
    """Lines that are broken to the width there is."""

    def __init__(self) -> None:
        super().__init__(markup=False)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines at this width."""
        del container, viewport
        return len(self._lines(width))

    def render(self) -> Content:
        """Return all lines."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        raise NotImplementedError


class KeyTable(_Lines):
    """A title, if there is one, and rows.

    Args:
        rows: Keys, and what they do.
        keys: Columns for the keys.
        title: Above the rows.
    """

    def __init__(self, rows: Sequence[tuple[str, str]], *, keys: int, title: str = "") -> None:
        super().__init__()
        self._rows = rows
        self._keys = keys
        self._title = title

    def _lines(self, width: int) -> list[Content]:
        lines = [Content.styled(self._title, "bold $text-accent")] if self._title else []
        for keys, words in self._rows:
            room = max(_LEAST, width - self._keys)
            for number, part in enumerate(textwrap.wrap(words, room)):
                head = keys if number == 0 else ""
                lines.append(
                    Content.assemble(
                        (f"{head:<{self._keys}}", "bold $text-primary"), (part, "$foreground 80%")
                    )
                )
        return [*lines, Content("")]


class Legend(_Lines):
    """Signs and their words, side by side; a sign stays with its word."""

    def __init__(self, title: str, signs: Sequence[Sign]) -> None:
        super().__init__()
        self._title = title
        self._signs = signs

    def _lines(self, width: int) -> list[Content]:
        indent = len(self._title)
        lines = [Content.styled(self._title, "bold $text-accent")]
        for sign, style, words in self._signs:
            shown = Content.assemble("  ", (sign, style), (f" {words}", "$foreground 80%"))
            if lines[-1].cell_length + shown.cell_length > width and lines[-1].cell_length > indent:
                lines.append(Content(" " * indent))
            lines[-1] += shown
        return lines
