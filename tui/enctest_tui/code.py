"""Source and SQL in the theme's colours, as pieces of text with the names of their inks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from enctest_tui.text import clean

Piece = tuple[str, str]
LARGEST = 400_000
"""Characters that are coloured; longer text stays plain, so that a key never waits for it."""

_CLAUSES = re.compile(
    r"('(?:[^']|'')*'|\"[^\"]*\"|\$\w*\$)|\s+"
    r"(FROM|WHERE|GROUP BY|ORDER BY|HAVING|LIMIT|OFFSET|RETURNING|VALUES|SET|"
    r"UNION(?: ALL)?|ON CONFLICT|FOR UPDATE|"
    r"(?:(?:LEFT|RIGHT|FULL|INNER|CROSS)(?: OUTER)? )?JOIN|AND|OR)\b",
    re.IGNORECASE,
)


def lines(text: str, language: str) -> list[list[Piece]]:
    """Return `text` line by line, coloured as `language` (`python`, `sql`...; plain when it is unknown)."""
    text = text.replace("\r\n", "\n").expandtabs(4)
    if len(text) > LARGEST:
        return [[(clean(line), "plain")] for line in text.split("\n")]
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return [[(clean(line), "plain")] for line in text.split("\n")]
    result: list[list[Piece]] = [[]]
    for token, value in lexer.get_tokens(text):
        ink = _ink(token)
        first, *more = value.split("\n")
        result[-1].append((clean(first), ink))
        result += [[(clean(part), ink)] for part in more]
    return result


def language_of(path: str) -> str:
    """Return the language of a file by its name."""
    ending = path.rpartition(".")[2]
    return {"py": "python", "pyi": "python", "sql": "sql", "toml": "toml", "json": "json"}.get(ending, "text")


def _ink(token: Sequence[str]) -> str:
    parts = list(token)
    kind = parts[0] if parts else ""
    if kind == "Comment" or parts[:3] == ["Literal", "String", "Doc"]:
        return "comment"
    if kind == "Keyword" or parts == ["Operator", "Word"]:
        return "keyword"
    if kind == "Literal":
        return "number" if parts[1:2] == ["Number"] else "string"
    if kind == "Name" and parts[1:2] in (["Function"], ["Class"], ["Decorator"]):
        return "name"
    return "plain"


def sql(statement: str) -> str:
    """Return a statement with a line for each clause; text within quotes stays as it is."""
    if "\n" in statement.strip():
        return _outdent(statement)

    def break_before(match: re.Match[str]) -> str:
        if match.group(1):
            return match.group(0)
        word = match.group(2)
        return f"\n  {word}" if word.upper() in {"AND", "OR"} else f"\n{word}"

    return _CLAUSES.sub(break_before, statement.strip())


def _outdent(statement: str) -> str:
    rows = [row.rstrip() for row in statement.expandtabs(4).strip("\n").split("\n")]
    rest = [len(row) - len(row.lstrip()) for row in rows[1:] if row.strip()]
    indent = min(rest, default=0)
    return "\n".join([rows[0].strip(), *(row[indent:] for row in rows[1:])]).rstrip()
