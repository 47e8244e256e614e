"""Functions that keep a value for later callers: what made the value ran only for the first of them."""

from __future__ import annotations

import ast

from enctest.selection.names import Function, dotted, own_nodes

_WORDS = ("cache", "memo", "once", "singleton", "lazy", "reify")
_MUTATORS = frozenset({"append", "add", "update", "setdefault", "extend", "insert"})


def is_cached(node: Function) -> bool:
    """Tell whether a decorator looks like a cache (`lru_cache`, `cached_property`, `memoize`)."""
    return any(
        any(word in dotted(decorator).rpartition(".")[2].lower() for word in _WORDS)
        for decorator in node.decorator_list
    )


def module_variables(tree: ast.Module) -> set[str]:
    """Return the names that a module assigns at its top, also within `if` and `try`."""
    found: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {
                name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }
        elif isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.With):
            pending.extend(ast.iter_child_nodes(node))
    return found


def keeps_state(node: Function, shared: set[str]) -> bool:
    """Tell whether the function stores into a variable of its module or into its class: a memo by hand."""
    if node.name.startswith("test"):
        return False
    kept = shared - _local_names(node)
    if node.args.args and node.args.args[0].arg == "cls":
        kept.add("cls")
    return any(_keeps(inner, kept) for inner in own_nodes(node))


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
    return names


def _keeps(node: ast.AST, kept: set[str]) -> bool:
    if isinstance(node, ast.Global):
        return True
    if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return _root(node.value) in kept
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
        return _root(node.func.value) in kept
    return False


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
