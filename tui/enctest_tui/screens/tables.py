"""The tables of a database and what is in them, where there is no psql to look with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen

from enctest.databases import kept
from enctest.databases.kept import Table
from enctest.databases.protocol import Row
from enctest.errors import EnctestError
from enctest_tui.text import clean
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.text_view import Piece, TextView

_WIDEST = 40
"""Cells that one column may have."""


class TablesScreen(ModalScreen[None]):
    """Tables on the left, the rows of the chosen one on the right.

    Args:
        root: The project's root.
        name: The database, as it was declared.
        test: Whose copy; empty for a run's.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,p", "dismiss", "Close"),
        Binding("tab", "switch", "Switch"),
        Binding("ctrl+c,ctrl+q", "app.quit", "Quit", priority=True),
    ]

    def __init__(self, root: Path, name: str, test: str) -> None:
        super().__init__()
        self._root = root
        self._database = name
        self._test = test
        self._list = TableList(id="table-names")
        self._rows = RowsView(id="table-rows")

    def compose(self) -> ComposeResult:
        """Names beside rows."""
        with Horizontal(id="tables") as box:
            box.border_title = clean(f"{self._database} {self._test}".strip())
            box.border_subtitle = "Tab switches, Esc closes"
            yield self._list
            yield self._rows

    def on_mount(self) -> None:
        """Read the names."""
        self._list.focus()
        self.run_worker(self._read_names(), group="names")

    def action_switch(self) -> None:
        """Go from the names to the rows and back."""
        (self._rows if self._list.has_focus else self._list).focus()

    @on(LineView.Moved, "#table-names")
    def _moved(self) -> None:
        self.run_worker(self._read_rows(), group="rows", exclusive=True)

    async def _read_names(self) -> None:
        try:
            names = await asyncio.to_thread(kept.tables, self._root, self._database, self._test)
        except EnctestError as error:
            self._rows.complain(error)
            return
        self._list.show(list(names))
        await self._read_rows()

    async def _read_rows(self) -> None:
        name = self._list.name_here
        if not name:
            return
        try:
            table = await asyncio.to_thread(kept.read, self._root, self._database, self._test, name)
        except EnctestError as error:
            self._rows.complain(error)
        else:
            self._rows.show_table(table)


class TableList(LineView):
    """Names of tables."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._names: Sequence[str] = ()

    @property
    def name_here(self) -> str:
        """The name that the cursor is on, if there is any."""
        return self._names[self.cursor] if self._names else ""

    def empty(self) -> str:
        """Return what to say when there are no lines."""
        return "no tables"

    def show(self, names: Sequence[str]) -> None:
        """Show these."""
        self._names = names
        self.set_lines(len(names))

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one name."""
        return [Segment(f" {clean(self._names[index].removeprefix('public.'))}"[:width], self.ink("plain"))]


class RowsView(TextView):
    """A table's rows, under its columns."""

    WRAPS = False

    def complain(self, error: EnctestError) -> None:
        """Say why there are none."""
        self.show([[(clean(error.title), "bad")], [(clean(error.hint), "dim")]])

    def show_table(self, table: Table) -> None:
        """Show the rows that were read."""
        self.message = "no rows"
        if not table.rows:
            self.show([[(_joined(table.columns, [len(each) for each in table.columns]), "accent")]])
            return
        widths = [
            min(_WIDEST, max(cell_len(_shown(row[at])) for row in (table.columns, *table.rows)))
            for at in range(len(table.columns))
        ]
        lines: list[list[Piece]] = [[(_joined(table.columns, widths), "accent")]]
        lines += [_row(row, widths) for row in table.rows]
        if not table.is_whole:
            lines.append([(f"… and more than these {len(table.rows)}", "dim")])
        self.show(lines)


def _row(row: Row, widths: Sequence[int]) -> list[Piece]:
    pieces: list[Piece] = []
    for value, width in zip(row, widths, strict=True):
        pieces.append((_padded(_shown(value), width) + "  ", "faint" if value is None else "plain"))
    return pieces


def _joined(values: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_padded(clean(value), width) for value, width in zip(values, widths, strict=True))


def _shown(value: str | None) -> str:
    return "null" if value is None else clean(" ".join(value.split()) if "\n" in value else value)


def _padded(text: str, width: int) -> str:
    if cell_len(text) > width:
        text = text[: width - 1] + "…"
    return text + " " * max(0, width - cell_len(text))
