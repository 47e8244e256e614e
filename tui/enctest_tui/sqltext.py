"""A statement with a line for each clause, indented by brackets, for people to read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_WIDTH: Final = 88
"""Characters from which on a list is broken after its commas."""
_LONGEST: Final = 20_000
"""Longer statements stay as they are."""
_CLAUSES: Final = (
    r"FROM|WHERE|GROUP\s+BY|ORDER\s+BY|HAVING|LIMIT|OFFSET|RETURNING|VALUES|SET|WINDOW|FETCH\s+FIRST|"
    r"UNION(?:\s+ALL)?|INTERSECT|EXCEPT|ON\s+CONFLICT|FOR\s+(?:NO\s+KEY\s+)?UPDATE|FOR\s+SHARE|"
    r"(?:(?:NATURAL\s+)?(?:LEFT|RIGHT|FULL|INNER|CROSS)(?:\s+OUTER)?\s+)?JOIN"
)
_TOKEN: Final = re.compile(
    rf"""(?xis)
      (?P<text> [eE]?'(?:''|[^'])*' | "[^"]*" | (?P<tag>\$\w*\$).*?(?P=tag) | --[^\n]*\n? | /\*.*?\*/ )
    | (?P<phrase> \b(?:IS\s+(?:NOT\s+)?DISTINCT\s+FROM|DO\s+UPDATE|DELETE\s+FROM)\b )
    | (?P<clause> \b(?:{_CLAUSES})\b ) | (?P<and> \b(?:AND|OR)\b ) | (?P<between> \bBETWEEN\b )
    | (?P<begin> \b(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b )
    | (?P<open> \( ) | (?P<close> \) ) | (?P<comma> ,\s* ) | (?P<space> \s+ ) | (?P<other> [\w.$%:@]+ | . )
    """
)


@dataclass
class _Level:
    """What is known of one pair of brackets, or of the whole."""

    indent: int
    is_query: bool
    between: bool = False


def layout(statement: str) -> str:
    """Return a statement with a line for each clause; quotes and comments, and lines that it has, stay.

    A statement that was written over several lines is only moved to the left.
    """
    if "\n" in statement.strip():
        return _outdent(statement)
    statement = statement.strip()
    return _Layout().run(statement) if len(statement) <= _LONGEST else statement


class _Layout:
    """Goes through a statement once."""

    def __init__(self) -> None:
        self._lines = [""]
        self._levels = [_Level(0, is_query=True)]
        self._opened = False

    def run(self, statement: str) -> str:
        for match in _TOKEN.finditer(statement):
            kind = match.lastgroup if match["tag"] is None else "text"
            self._take(kind or "other", match[0])
        return "\n".join(line.rstrip() for line in self._lines).strip()

    def _take(self, kind: str, text: str) -> None:
        if kind == "space":
            self._lines[-1] += " " if self._lines[-1].strip() and not self._opened else ""
            return
        level = self._levels[-1]
        if kind == "begin" and self._opened:
            level.is_query = True
        self._opened = kind == "open"
        indent = self._indent_of(kind, text, level)
        if indent is not None:
            self._break(indent)
        self._lines[-1] += ", " if kind == "comma" else text
        if kind == "open":
            self._levels.append(_Level(level.indent + 1, is_query=False))
        elif kind == "close" and len(self._levels) > 1:
            self._levels.pop()
        elif kind == "comma" and len(self._lines[-1]) > _WIDTH:
            self._break(level.indent + 1)
        elif kind in {"between", "and"}:
            level.between = kind == "between"

    def _indent_of(self, kind: str, text: str, level: _Level) -> int | None:
        """Return the indentation of a new line that begins with this; None when it goes on in the last."""
        if not level.is_query:
            return None
        if kind == "close":
            return level.indent - 1
        if kind == "and":
            return None if level.between else level.indent + 1
        is_first = kind == "begin" and not self._lines[-1].strip("( ")
        return level.indent if kind == "clause" or text.upper() == "SELECT" or is_first else None

    def _break(self, indent: int) -> None:
        if self._lines[-1].strip():
            self._lines.append("  " * indent)
        else:
            self._lines[-1] = "  " * indent


def _outdent(statement: str) -> str:
    rows = [row.rstrip() for row in statement.expandtabs(4).strip("\n").split("\n")]
    rest = [len(row) - len(row.lstrip()) for row in rows[1:] if row.strip()]
    indent = min(rest, default=0)
    return "\n".join([rows[0].strip(), *(row[indent:] for row in rows[1:])]).rstrip()
