"""Names of the functions of a file: one walk, shared by fingerprints and probes, so that both agree."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef

_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
_CONTAINERS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.TryStar,
    ast.With,
    ast.AsyncWith,
    ast.Match,
    ast.ExceptHandler,
    ast.match_case,
)


def functions(tree: ast.Module) -> list[tuple[str, Function]]:
    """Return every function of a module with its qualified name, in source order.

    A name is dotted through classes and functions (`Cart.total`, `outer.inner`); the second function
    of the same name is `name#2`. Lambdas and comprehensions have no name: they belong to their encloser.
    """
    seen: Counter[str] = Counter()
    found = []
    for name, node in _walk(tree.body, ""):
        seen[name] += 1
        found.append((name if seen[name] == 1 else f"{name}#{seen[name]}", node))
    return found


def _walk(body: Sequence[ast.AST], prefix: str) -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, Function):
            yield prefix + node.name, node
            yield from _walk(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _walk(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, _CONTAINERS):
            for field in _BLOCKS:
                yield from _walk(getattr(node, field, ()), prefix)


def docstring(node: Function | ast.ClassDef | ast.Module) -> ast.Expr | None:
    """Return the statement that is the docstring of `node`, if it has one."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return first if isinstance(first.value.value, str) else None
    return None


def dotted(node: ast.AST) -> str:
    """Return the dotted name that an expression (a call's function, too) spells, or ''."""
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def own_nodes(node: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body that run in its own frame: not those of functions within."""
    pending: list[ast.AST] = list(node.body)
    while pending:
        current = pending.pop()
        yield current
        if not isinstance(current, Function | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(current))


def imported_names(tree: ast.Module) -> list[str]:
    """Return the modules that import statements anywhere in a file may import, as written.

    `from a import b` gives `a` and `a.b`; relative names keep their dots (`..a.b`). What stands under
    `if TYPE_CHECKING` never runs and is left out.
    """
    return _imported(tree.body, within=True)


def own_imports(node: ast.Module | Function) -> list[str]:
    """Return those of the import statements that run with a module, or in a call of a function."""
    return _imported(node.body, within=False)


def _imported(statements: Sequence[ast.stmt], *, within: bool) -> list[str]:
    """Return the modules that statements may import; `within`: also in functions that they define."""
    found: dict[str, None] = {}
    pending: list[ast.AST] = list(statements)
    while pending:
        node = pending.pop()
        if isinstance(node, Function) and not within:
            continue
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            joint = "" if not base or base.endswith(".") else "."
            found[base] = None
            found.update(
                dict.fromkeys(f"{base}{joint}{alias.name}" for alias in node.names if alias.name != "*")
            )
        elif isinstance(node, ast.If) and dotted(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            pending.extend(node.orelse)
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            pending.extend(ast.iter_child_nodes(node))
    return sorted(found)
