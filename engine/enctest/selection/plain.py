"""Functions that can come and go unnoticed: making them runs nothing, they are found by name alone."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator

from enctest.selection.defaults import is_literal
from enctest.selection.names import Function

_FOUND_BY_OTHERS = ("pytest_", "test", "setup", "teardown", "setUp", "tearDown", "load_tests", "on_", "_")
"""Beginnings of names under which Python, pytest, unittest and others look for functions."""
_TYPES = frozenset(name for name, value in vars(builtins).items() if isinstance(value, type))
_LAZY_ANNOTATIONS = sys.version_info >= (3, 14)


def plain_functions(tree: ast.Module) -> Iterator[tuple[Function, int]]:
    """Yield the plain functions of a module, each with how many other statements stand before it."""
    bound: set[str] = set()
    others = 0
    lazy = _LAZY_ANNOTATIONS or any(_is_future(node) for node in tree.body)
    for node in tree.body:
        if isinstance(node, Function) and _is_plain(node, bound, lazy=lazy):
            yield node, others
        else:
            others += 1
        bound |= _bound(node)
        if isinstance(node, ast.Delete):
            bound.clear()


def _is_future(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
    )


def _is_plain(node: Function, bound: set[str], *, lazy: bool) -> bool:
    if node.decorator_list or getattr(node, "type_params", None) or not node.name.isascii():
        return False
    name = node.name.removeprefix("_")  # one: a private name
    if name.isupper() or name.startswith(_FOUND_BY_OTHERS):
        return False
    arguments = node.args
    defaults = [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]
    if not all(_is_constant(default, bound) for default in defaults):
        return False
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    all_arguments = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]
    annotations = [*(argument.annotation for argument in all_arguments), node.returns]
    return lazy or all(_is_type(annotation, bound) for annotation in annotations if annotation is not None)


def _is_constant(node: ast.expr | None, bound: set[str]) -> bool:
    """Tell whether evaluating an expression can neither fail nor do anything."""
    if isinstance(node, ast.Tuple | ast.List):
        return all(_is_constant(element, bound) for element in node.elts)
    if isinstance(node, ast.Name):
        return node.id in bound
    return node is not None and is_literal(node)


def _is_type(node: ast.expr, bound: set[str]) -> bool:
    """Likewise for an annotation."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return all(_is_builtin_type(side) or _is_none(side) for side in _sides(node))
    return isinstance(node, ast.Constant) or _is_builtin_type(node) or _is_constant(node, bound)


def _sides(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _sides(node.left)
        yield from _sides(node.right)
    else:
        yield node


def _is_builtin_type(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        if not (
            isinstance(node.value, ast.Name) and node.value.id in {"list", "dict", "set", "tuple", "type"}
        ):
            return False
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return all(_is_builtin_type(element) or _is_none(element) for element in inner)
    return isinstance(node, ast.Name) and node.id in _TYPES


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement of a module's top surely binds."""
    if isinstance(node, Function | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()
