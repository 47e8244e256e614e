"""The Source tab: the file of the selected test, at its line."""

from __future__ import annotations

from pathlib import Path

from rich.segment import Segment

from enctest_tui import code
from enctest_tui.widgets.text_view import TextView

_LARGEST = 2_000_000
"""Bytes of a file that is shown."""


class SourceView(TextView):
    """A file in colour with line numbers; the test's line is the cursor's at first."""

    WRAPS = False
    HAS_CURSOR = True

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._shown: tuple[str, int, float] | None = None
        self._gutter = 4
        self._marked = 0

    def show_file(self, root: str, path: str, line: int) -> None:
        """Show `path` (relative to `root`) at `line` (from 1); nothing is done when it is shown already."""
        file = Path(root, path) if path else None
        stamp = _modified(file)
        if file is None or stamp is None:
            self._shown = None
            self.message = f"{path} is not there" if path else "no source to show"
            self.show([])
            return
        if self._shown == (path, line, stamp):
            return
        same_place = self._shown is not None and self._shown[:2] == (path, line)
        if self._shown is None or self._shown[0] != path or self._shown[2] != stamp:
            self._read(file, keep_place=same_place)
        self._shown = (path, line, stamp)
        self._marked = max(0, line - 1)
        if not same_place:
            self.go_to(self._marked, middle=True)
            self.call_after_refresh(self.show_cursor, middle=True)

    def _read(self, file: Path, *, keep_place: bool) -> None:
        try:
            text = file.read_bytes()[:_LARGEST].decode("utf-8", "replace")
        except OSError as error:
            self.message = f"{file} cannot be read: {error}"
            self.show([])
            return
        self.message = "the file is empty"
        lines = code.lines(text.removesuffix("\n"), code.language_of(file.name)) if text else []
        self._gutter = len(str(len(lines))) + 1
        self.show(lines, keep_place=keep_place)

    def marked(self, index: int) -> bool:
        """Mark the test's line."""
        return index == self._marked

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one line with its number."""
        number = Segment(
            f"{index + 1:>{self._gutter}} ", self.ink("accent" if index == self._marked else "faint")
        )
        return [number, *super().draw(index, width - self._gutter - 1)]


def _modified(file: Path | None) -> float | None:
    try:
        return file.stat().st_mtime if file is not None and file.is_file() else None
    except OSError:
        return None
