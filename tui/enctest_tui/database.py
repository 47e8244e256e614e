"""The databases that a failed test has left: what is told of them, and what opens them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enctest_tui.text import clean, one_line
from enctest_tui.widgets.text_view import Piece

if TYPE_CHECKING:
    from enctest.databases.changes import TableChange
    from enctest.databases.kept import Kept

Look = Callable[[Path, str], Awaitable["Sequence[Kept]"]]
"""Finds what was kept of a test, in a project."""
TABLES = 8
"""Tables that are told one by one."""
_TIMES, _PAUSE = 10, 0.3
"""A database is kept when its worker goes on, a little later than the test's result is told."""


async def look(root: Path, test: str) -> Sequence[Kept]:
    """Return what was kept of a test that has just failed; nothing if it has no database of its own."""
    from enctest.databases import kept  # after the first screen is there

    for _ in range(_TIMES):
        found = await asyncio.to_thread(kept.look, root, test)
        if found:
            return found
        await asyncio.sleep(_PAUSE)
    return ()


async def opener(root: Path, test: str) -> tuple[str, list[str]]:
    """Return the name of the database to open, and the command that does; no command if there is no program.

    Raises:
        EnctestError: There is no database.
    """
    from enctest.databases import kept  # as above

    return await asyncio.to_thread(kept.opener, root, test)


def told(found: Iterable[Kept], key: str) -> list[list[Piece]]:
    """Return lines that say what a test has left, and that `key` opens it."""
    lines: list[list[Piece]] = []
    for each in found:
        lines.append(
            [("◆ ", "db"), (clean(each.name), "strong"), (f" is kept as it was; {key} opens it", "dim")]
        )
        lines.append([("  ", "plain"), (one_line(each.url), "accent")])
        for change in each.changes[:TABLES]:
            table = clean(change.table.removeprefix("public."))
            lines.append([("  ", "plain"), (table, "plain"), ("  ", "plain"), *_numbers(change)])
        if len(each.changes) > TABLES:
            lines.append([(f"  and {len(each.changes) - TABLES} more tables", "dim")])
        if not each.changes:
            lines.append([("  the test has changed nothing", "dim")])
        lines.append([])
    return lines


def _numbers(change: TableChange) -> list[Piece]:
    if change.is_rough:
        return [(change.told, "dim")]
    parts = (
        (change.added, "added", "good"),
        (change.updated, "updated", "warn"),
        (change.deleted, "deleted", "bad"),
    )
    pieces: list[Piece] = []
    for number, word, ink in parts:
        if number:
            pieces += [(", ", "dim")] if pieces else []
            pieces.append((f"{number} {word}", ink))
    return pieces
