"""Lines of the details pane: text that may lead to a place in a file, or fold."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from enctest_tui.text import clean, one_line, plural

Piece = tuple[str, str]
Place = tuple[str, int]
"""A file, absolute or relative to the project's root, and a line from 1."""

MOST_LINES: Final = 1000
"""Lines of one value that are shown."""
_OPEN_UP_TO: Final = 8
"""Lines up to which an object or a list is open until somebody folds it."""
_BRIEF: Final = 60
"""Characters of a folded one that are shown."""


class DetailLine(list[Piece]):
    """Pieces of text.

    Attributes:
        place: What it leads to, if anything.
        fold: What it folds, if anything.
    """

    def __init__(self, pieces: Sequence[Piece] = (), *, place: Place | None = None, fold: str = "") -> None:
        super().__init__(pieces)
        self.place = place
        self.fold = fold


def value_lines(name: str, value: object, width: int, fold: str, turned: Collection[str]) -> list[DetailLine]:
    """Return an attribute: numbers and texts in their colours, JSON as a tree that folds.

    Args:
        name: The attribute's, with what stands before it.
        value: As spans have them.
        width: Cells that names are given.
        fold: What makes the attribute different from all others.
        turned: What the user has folded or unfolded.
    """
    head: list[Piece] = [(f"{clean(name):<{width}}  ", "dim")]
    tree = _as_json(value)
    if tree is not None:
        return list(_tree(head, tree, fold, turned))
    if isinstance(value, str):
        first, *more = value.split("\n")
        lines = [DetailLine([*head, (clean(first) if first or more else '""', _ink(value))])]
        lines += [DetailLine([(" " * (width + 2), "dim"), (clean(part), "plain")]) for part in more]
        return _cut(lines)
    return [DetailLine([*head, *_scalar(value)])]


def _as_json(value: object) -> Any:
    """Return what a text, list or dictionary says when it is a JSON object or list with something in it."""
    if isinstance(value, str) and value[:1] in "[{" and value[-1:] in "]}":
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return None
        return found or None
    if isinstance(value, dict):
        return value or None
    if isinstance(value, list | tuple) and sum(len(str(item)) for item in value) > _BRIEF:
        return list(value)
    return None


def _tree(head: list[Piece], value: Any, fold: str, turned: Collection[str]) -> Iterator[DetailLine]:
    """Yield a value and, where it is open, what is in it; no recursion, as it comes from outside."""
    stack: list[tuple[list[Piece], Any, str, int]] = [(head, value, fold, 0)]
    count = 0
    while stack:
        before, value, path, depth = stack.pop()
        count += 1
        if count > MOST_LINES:
            yield DetailLine([("… more than can be shown", "dim")])
            return
        if not isinstance(value, dict | list) or not value:
            yield DetailLine([*before, *_scalar(value)])
            continue
        is_open = (_lines_of(value) <= _OPEN_UP_TO) != (path in turned)
        what = plural(len(value), "key") if isinstance(value, dict) else plural(len(value), "item")
        brief: list[Piece] = [] if is_open else [(f"  {_brief(value)}", "faint")]
        yield DetailLine([*before, ("▾ " if is_open else "▸ ", "accent"), (what, "dim"), *brief], fold=path)
        if is_open:
            items = value.items() if isinstance(value, dict) else enumerate(value)
            indent = "  " * (depth + 2)
            stack += reversed(
                [
                    ([(indent, "dim"), (f"{one_line(str(key))}: ", "name")], item, f"{path}/{key}", depth + 1)
                    for key, item in items
                ]
            )


def _lines_of(value: Any) -> int:
    """Return how many lines a value takes, or more than matters."""
    count, stack = 0, [value]
    while stack and count <= _OPEN_UP_TO:
        count += 1
        each = stack.pop()
        if isinstance(each, dict | list):
            stack += list(each.values() if isinstance(each, dict) else each)[:_OPEN_UP_TO]
    return count


def _brief(value: Any) -> str:
    text = one_line(json.dumps(value, ensure_ascii=False, default=str)[: _BRIEF * 4])
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"


def _scalar(value: object) -> list[Piece]:
    if isinstance(value, list | tuple):
        pieces: list[Piece] = [("[", "dim")]
        for at, item in enumerate(value):
            pieces += [(", ", "dim")] * (at > 0) + _scalar(item)
        return [*pieces, ("]", "dim")]
    if value is None or isinstance(value, bool):
        return [({None: "null", True: "true", False: "false"}[value], "keyword")]
    if isinstance(value, int | float):
        return [(str(value), "number")]
    return [(one_line(str(value)) or '""', _ink(value))]


def _ink(value: object) -> str:
    return "string" if isinstance(value, str) else "plain"


def _cut(lines: list[DetailLine]) -> list[DetailLine]:
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], DetailLine([(f"… {more} more lines", "dim")])]
