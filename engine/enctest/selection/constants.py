"""Private constants that only functions of their module mention: who reads one runs such a function."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping

from enctest.selection.defaults import is_literal

_FINDERS = re.compile(rb"\b(?:eval|exec|modules)\b")


def finds_names(source: bytes) -> bool:
    """Tell whether a module may find its own names without a mention, other than by `mentions.reflection`."""
    return _FINDERS.search(source) is not None


def candidates(tree: ast.Module) -> dict[ast.stmt, str]:
    """Return the statements `_NAME = literal` (or `_NAME: type = literal`) at the top of a module."""
    found = {node: name for node in tree.body if (name := _private_name(node))}
    names = list(found.values())
    return {node: name for node, name in found.items() if names.count(name) == 1}


def readers(
    name: str, outside: Iterable[Collection[str]], blocks: Mapping[str, Collection[str]]
) -> tuple[str, ...]:
    """Return the functions that mention a constant; none if anything else of the module does, or binds it.

    Args:
        name: The constant's name.
        outside: The tokens outside function bodies, without the constant's own statement.
        blocks: Those of each function's body.
    """
    token = repr(name)
    if any(token in tokens for tokens in outside):
        return ()
    found = tuple(function for function, tokens in blocks.items() if token in tokens)
    return () if any("Global" in blocks[function] for function in found) else found


def _private_name(node: ast.stmt) -> str:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None or not is_literal(node.value):
        return ""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    target = targets[0] if len(targets) == 1 else None
    if not isinstance(target, ast.Name) or not target.id.isascii():
        return ""
    return target.id if target.id.startswith("_") and not target.id.startswith("__") else ""
