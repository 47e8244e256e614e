"""Functions that keep a value for later callers: what made the value ran only for the first of them."""

from __future__ import annotations

import ast

from enctest.selection.names import Function, dotted, own_nodes

_WORDS = ("cache", "memo", "once", "singleton", "lazy")
_MUTATORS = frozenset({"append", "add", "update", "setdefault", "extend", "insert"})


def is_cached(node: Function) -> bool:
    """Tell whether a decorator looks like a cache (`lru_cache`, `cached_property`, `memoize`)."""
    return any(
        any(word in dotted(decorator).rpartition(".")[2].lower() for word in _WORDS)
        for decorator in node.decorator_list
    )


def keeps_state(node: Function) -> bool:
    """Tell whether the function stores into a name of its module, or into its class: a memo by hand."""
    if node.name.startswith("test"):
        return False
    local = _local_names(node)
    return any(_keeps(inner, local) for inner in own_nodes(node))


def is_lazy(node: Function) -> bool:
    """Tell whether calling the function does not run its body (generator, coroutine)."""
    return isinstance(node, ast.AsyncFunctionDef) or any(
        isinstance(inner, ast.Yield | ast.YieldFrom) for inner in own_nodes(node)
    )


def _local_names(node: Function) -> set[str]:
    arguments = node.args
    names = {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    names |= {argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument is not None}
    names |= {n.id for n in own_nodes(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for inner in own_nodes(node):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in inner.names}
    return names - {"cls"}


def _keeps(node: ast.AST, local: set[str]) -> bool:
    if isinstance(node, ast.Global):
        return True
    if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return _is_shared(node.value, local)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
        return _is_shared(node.func.value, local)
    return False


def _is_shared(node: ast.expr, local: set[str]) -> bool:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name) and node.id not in local
