"""What a query is about, read from its text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_PREFIX = 4096  # characters of a query that are looked at
_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_TOKEN = re.compile(r'[\w$]+(?:\.[\w$"`\[\]]+)*|"[^"]+"(?:\."[^"]+")*|`[^`]+`|\[[^\]]+\]|[();,]')
_VERBS = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"}
_BEFORE_TABLE = {
    "SELECT": {"FROM"},
    "INSERT": {"INTO"},
    "REPLACE": {"INTO"},
    "MERGE": {"INTO"},
    "UPDATE": {"UPDATE"},
    "DELETE": {"FROM"},
    "COPY": {"COPY"},
    "TRUNCATE": {"TRUNCATE", "TABLE"},
    "FETCH": {"FROM"},
}
_OBJECTS = {
    "TABLE",
    "INDEX",
    "VIEW",
    "SCHEMA",
    "DATABASE",
    "TYPE",
    "FUNCTION",
    "SEQUENCE",
    "EXTENSION",
    "TRIGGER",
    "ROLE",
}
_FILLERS = {"ONLY", "IF", "NOT", "EXISTS", "TABLE", "LATERAL", "CONCURRENTLY", "ON"}


class Summary(NamedTuple):
    """A query in short: `SELECT orders`, `SELECT`, `orders`."""

    text: str
    operation: str
    target: str


@lru_cache(maxsize=2048)
def summarize(query: str) -> Summary:
    """Return operation and first table of a query, as far as they can be told from its text."""
    tokens = _TOKEN.findall(_NOISE.sub(" ", query[:_PREFIX]))
    while tokens and tokens[0] in "();":
        tokens.pop(0)
    if not tokens:
        return Summary("query", "", "")
    operation = tokens[0].upper()
    if operation == "WITH":
        tokens = _after_with(tokens)
        operation = tokens[0].upper()
    if operation in {"CREATE", "ALTER", "DROP"}:
        operation, target = _definition(operation, tokens)
    else:
        target = _target(tokens, _BEFORE_TABLE.get(operation, set()))
    return Summary(f"{operation} {target}".rstrip()[:100], operation, target)


def _after_with(tokens: list[str]) -> list[str]:
    """Return the statement that follows the common table expressions."""
    depth = 0
    for index, word in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word.upper() in _VERBS:
            return tokens[index:]
    return tokens


def _target(tokens: list[str], before: set[str]) -> str:
    for index, token in enumerate(tokens):
        if token.upper() in before:
            for following in tokens[index + 1 :]:
                if following.upper() not in _FILLERS:
                    return _name(following)
    return ""


def _definition(operation: str, tokens: list[str]) -> tuple[str, str]:
    for index, token in enumerate(tokens[1:8], start=1):
        if token.upper() in _OBJECTS:
            names = (name for name in tokens[index + 1 :] if name.upper() not in _FILLERS)
            return f"{operation} {token.upper()}", _name(next(names, ""))
    return operation, ""


def _name(word: str) -> str:
    return "" if word in "();," else re.sub(r'["`\[\]]', "", word)
