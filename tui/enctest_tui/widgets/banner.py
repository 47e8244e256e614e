"""What went wrong and what to do about it, above everything until it is put right or dismissed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from enctest.events import Error, Miss
from enctest_tui.text import clean, one_line, plural

_LINES = 6


class Banner(Static):
    """A message and a hint; hidden when there is nothing to say."""

    def __init__(self) -> None:
        super().__init__(id="banner", markup=False)

    def show_first(self, trouble: Error | None, misses: Sequence[Miss], hint: str) -> None:
        """Say what is most urgent: an error, else what selection missed with `hint`, else nothing."""
        if trouble is None and misses:
            self._show_misses(misses, hint)
        else:
            self._show(trouble.message if trouble else "", trouble.hint if trouble else "")

    def _show(self, message: str, hint: str) -> None:
        """Say it; an empty message hides the banner."""
        self.set_class(bool(message), "-shown")
        self.remove_class("-notice")
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

    def _show_misses(self, misses: Sequence[Miss], hint: str) -> None:
        """Say which tests selection left out although their outcome had changed."""
        rows = [
            Content.assemble(
                (one_line(miss.test), "$foreground"),
                (f"  {miss.before} before, {miss.after} now", "$foreground 65%"),
            )
            for miss in misses[: _LINES - 2]
        ]
        if len(misses) > len(rows):
            rows.append(Content.styled(f"… and {len(misses) - len(rows):,} more", "$foreground 65%"))
        title = f"An audit found {plural(len(misses), 'test')} that selection had missed"
        head = Content.styled(title, "bold $text-warning")
        self.add_class("-shown", "-notice")
        self.update(Content("\n").join([head, *rows, Content.styled(hint, "$foreground 65%")]))
