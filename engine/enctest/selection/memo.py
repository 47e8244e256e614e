"""Functions that keep a value for later callers: what made the value ran only for the first of them."""

from __future__ import annotations

import ast

from enctest.selection.names import Function, dotted, own_nodes

_WORDS = ("cache", "memo", "once", "singleton", "lazy", "reify")
_MUTATORS = frozenset({"append", "add", "update", "setdefault", "extend", "insert"})
_PLAIN = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.expr_context)


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
    given, stored = _argument_names(node), _stored_names(node)
    kept, untouched = shared - given - stored, given - stored
    if node.args.args and node.args.args[0].arg == "cls":
        kept.add("cls")
    return any(_keeps(inner, kept, untouched) for inner in own_nodes(node))


def is_lazy(node: Function) -> bool:
    """Tell whether calling the function does not run its body (generator, coroutine)."""
    return isinstance(node, ast.AsyncFunctionDef) or any(
        isinstance(inner, ast.Yield | ast.YieldFrom) for inner in own_nodes(node)
    )


def _argument_names(node: Function) -> set[str]:
    arguments = node.args
    names = {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    return names | {each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None}


def _stored_names(node: Function) -> set[str]:
    return {n.id for n in own_nodes(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _keeps(node: ast.AST, kept: set[str], given: set[str]) -> bool:
    """Tell whether a node keeps something in one of `kept` that was made here, not just `given`."""
    if isinstance(node, ast.Global):
        return True
    if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return _root(node.value) in kept
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        return _root(node.func.value) in kept and any(_is_made(value, given) for value in values)
    return False


def _is_made(value: ast.expr, given: set[str]) -> bool:
    """Tell whether a value is more than arguments and literals, as they are."""
    return any(
        not isinstance(node, _PLAIN) and not (isinstance(node, ast.Name) and node.id in given)
        for node in ast.walk(value)
    )


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
