"""Source and SQL in the theme's colours, as pieces of text with the names of their inks."""

from __future__ import annotations

from collections.abc import Sequence

from enctest_tui.text import clean

Piece = tuple[str, str]
LARGEST = 400_000
"""Characters that are coloured; longer text stays plain, so that a key never waits for it."""


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
