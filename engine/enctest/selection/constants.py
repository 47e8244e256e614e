"""Private constants that only functions of their module mention: who reads one runs such a function."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from enctest.selection.defaults import is_literal

_ELSEWHERE = frozenset({repr("modules"), repr("__dict__"), repr("eval"), repr("exec")})
"""Tokens of a module that may find its own names in other ways."""


def candidates(tree: ast.Module) -> dict[ast.stmt, str]:
    """Return the statements `_NAME = literal` at the top of a module, each with its name."""
    found = {node: name for node in tree.body if (name := _private_name(node))}
    names = list(found.values())
    bound = set(_bound(tree)) if found else set()
    return {node: name for node, name in found.items() if names.count(name) == 1 and name not in bound}


def readers(
    name: str, level: Iterable[str], blocks: Mapping[str, frozenset[str]], heads: frozenset[str]
) -> list[str]:
    """Return the functions that mention a constant; none if anything else of the module does, too.

    Args:
        name: The constant's name.
        level: The tokens of the module level, without the constant's own statement.
        blocks: Those of the functions' bodies.
        heads: Those of signatures that are no part of the level.
    """
    token = repr(name)
    if token in level or token in heads or not _ELSEWHERE.isdisjoint(level):
        return []
    if any(not _ELSEWHERE.isdisjoint(tokens) for tokens in blocks.values()):
        return []
    return [function for function, tokens in blocks.items() if token in tokens]


def _private_name(node: ast.stmt) -> str:
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not is_literal(node.value):
        return ""
    target = node.targets[0]
    private = isinstance(target, ast.Name) and target.id.startswith("_") and not target.id.startswith("__")
    return target.id if private and isinstance(target, ast.Name) and target.id.isascii() else ""


def _bound(tree: ast.Module) -> Iterator[str]:
    """Yield names that are bound in a way that leaves no token of the name alone, or by functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Global):
            yield from node.names
