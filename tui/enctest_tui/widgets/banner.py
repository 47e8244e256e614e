"""What went wrong and what to do about it, above everything until it is put right or dismissed."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from enctest_tui.text import clean

_LINES = 6


class Banner(Static):
    """A message and a hint; hidden when there is nothing to say."""

    def __init__(self) -> None:
        super().__init__(id="banner", markup=False)

    def show(self, message: str, hint: str = "") -> None:
        """Say it; an empty message hides the banner."""
        self.set_class(bool(message), "-shown")
        rows = [clean(row) for row in message.expandtabs(4).strip().split("\n")]
        if len(rows) > _LINES:
            rows = [*rows[: _LINES - 1], f"… {len(rows) - _LINES + 1} more lines"]
        parts = [
            Content.styled(rows[0], "bold $text-error"),
            *(Content.styled(row, "$foreground 80%") for row in rows[1:]),
        ]
        if hint:
            parts.append(Content.styled(clean(hint.strip().replace("\n", " ")), "$foreground 65%"))
        self.update(Content("\n").join(parts))
