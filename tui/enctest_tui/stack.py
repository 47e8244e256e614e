"""Stacks of exceptions with the source of their frames."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from enctest_tui import code
from enctest_tui.detail_lines import DetailLine, Piece
from enctest_tui.text import clean

_FRAME: Final = re.compile(r"(?P<path>.+?):(?P<line>\d+)(?: (?P<function>.*))?")
_TRACEBACK: Final = re.compile(r'\s*File "(?P<path>.+)", line (?P<line>\d+)(?:, in (?P<function>.*))?')
_FILES, _LARGEST = 32, 2_000_000
"""Files that are kept, and bytes that one may have."""


class Sources:
    """Lines of source files, as they are now.

    Args:
        root: What relative paths begin at; None when no file is to be read.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root
        self._files: OrderedDict[str, tuple[tuple[int, int], list[str]]] = OrderedDict()

    def line(self, path: str, number: int) -> str:
        """Return a line (from 1) without white space around it; empty where there is none."""
        lines = self._lines(path)
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def _lines(self, path: str) -> list[str]:
        if self.root is None or path.startswith("<"):
            return []
        file = self.root / path
        try:
            found = file.stat()
            stamp = found.st_mtime_ns, found.st_size
            kept = self._files.get(path)
            if kept is None or kept[0] != stamp:
                text = file.read_text("utf-8", "replace") if found.st_size <= _LARGEST else ""
                self._files[path] = kept = stamp, text.split("\n")
        except (OSError, ValueError):
            return []
        self._files.move_to_end(path)
        while len(self._files) > _FILES:
            self._files.popitem(last=False)
        return kept[1]


def stack_lines(stack: object, sources: Sources) -> list[DetailLine]:
    """Return a stack, `path:line function` or as Python prints tracebacks, with a line of source each."""
    rows: Sequence[object] = stack if isinstance(stack, list | tuple) else str(stack).rstrip().split("\n")
    lines = []
    printed = not isinstance(stack, list | tuple)
    for row in rows:
        text = str(row)
        match = (_TRACEBACK.match if printed else _FRAME.fullmatch)(text)
        if match is None:
            lines.append(DetailLine([(f"  {clean(text)}", "dim" if printed else "plain")]))
            continue
        place = match["path"], int(match["line"])
        function = match["function"] or ""
        pieces: list[Piece] = [(f"  {clean(place[0])}:{place[1]}", "accent"), (f"  {clean(function)}", "dim")]
        lines.append(DetailLine(pieces, place=place))
        source = sources.line(*place) if not printed else ""
        if source:
            lines.append(DetailLine([("      ", "dim"), *code.lines(source, "python")[0]], place=place))
    return lines
