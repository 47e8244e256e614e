"""Where the statements of an SQL text begin and end; only as good as error messages need it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* )
  | (?P<block> /\* )
  | (?P<text> (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' | '[^']*' | "[^"]*" )
  | (?P<dollar> (?<![\w$])\$(?:[^\W\d]\w*)?\$ )
  | (?P<end> ; )
  | (?P<blank> \s+ )
  | (?P<word> \w+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Statement:
    """One statement: `start` is the 0-based character of its first word, comments before it left out."""

    start: int
    sql: str


def split(sql: str) -> list[Statement]:
    """Return the statements of `sql` in order, empty ones left out, as the server counts them."""
    found: list[Statement] = []
    start: int | None = None
    position = 0
    while match := _TOKEN.match(sql, position):
        kind, position = match.lastgroup, _end(sql, match)
        if kind == "end":
            if start is not None:
                found.append(Statement(start, sql[start : match.start()].rstrip()))
            start = None
        elif kind not in {"comment", "block", "blank"} and start is None:
            start = match.start()
    if start is not None:
        found.append(Statement(start, sql[start:].rstrip()))
    return found


def normalized(sql: str) -> str:
    """Return SQL without comments, with one space at most where there is white space outside of texts."""
    parts: list[str] = []
    position = 0
    while match := _TOKEN.match(sql, position):
        kind, end = match.lastgroup, _end(sql, match)
        blank = kind in {"comment", "block", "blank"}
        if parts and parts[-1] == " " and (blank or sql[position:end] in "),"):
            parts.pop()
        if not blank or (parts and parts[-1] != "("):
            parts.append(" " if blank else sql[position:end])
        position = end
    return "".join(parts).strip()


def _end(sql: str, match: re.Match[str]) -> int:
    if match.lastgroup == "dollar":
        close = sql.find(match.group(), match.end())
        return len(sql) if close < 0 else close + len(match.group())
    if match.lastgroup == "block":
        return _block_end(sql, match.end())
    return match.end()


def _block_end(sql: str, position: int) -> int:
    """Return where the comment that was opened before `position` ends; they nest."""
    depth = 1
    while depth and (mark := _COMMENT_MARK.search(sql, position)):
        depth += 1 if mark.group() == "/*" else -1
        position = mark.end()
    return position if not depth else len(sql)
