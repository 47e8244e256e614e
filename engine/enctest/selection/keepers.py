"""Functions that keep a value on one of their arguments, mostly `self`, for later callers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from enctest.selection.memo import is_cached
from enctest.selection.names import Function, dotted

_ON_INSTANCES = ("cached_property", "lazy_property", "lazyproperty", "lazy_attribute", "reify")
"""Ends of names of decorators that keep the value on the instance and nowhere else."""
_MAKERS = frozenset({"__init__", "__new__", "__post_init__", "__setattr__", "__set__", "__setstate__"})
_ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_MISSING = frozenset({"AttributeError", "KeyError", "LookupError", "IndexError"})
_NOTHING: frozenset[str] = frozenset()


def keeper(node: Function) -> str:
    """Return the argument on which the function keeps a value, or ''.

    Either a decorator does so, or the body: it makes and stores something there if nothing is there
    (`if self._value is None: self._value = make()`). What is no call makes nothing that needs others.
    """
    arguments = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if not arguments or node.name in _MAKERS or node.name.startswith("test"):
        return ""
    if is_cached(node):
        names = [dotted(decorator).rpartition(".")[2].lower() for decorator in node.decorator_list]
        return arguments[0] if any(name.endswith(_ON_INSTANCES) for name in names) else ""
    body = _Body(frozenset(arguments))
    body.block(node.body, _NOTHING)
    return min(body.kept, default="")


class _Body:
    """Goes through a body in order and finds what is stored where it was found missing.

    Things are spelled `argument.attribute`; a local variable stands for the things it was made of.
    """

    def __init__(self, arguments: frozenset[str]) -> None:
        self.kept: set[str] = set()
        self._arguments = arguments
        self._made_of: dict[str, frozenset[str]] = {}

    def block(self, statements: Sequence[ast.stmt], tested: frozenset[str]) -> None:
        """Take statements; `tested` are the things whose presence decides whether they run."""
        for statement in statements:
            if isinstance(statement, ast.If | ast.While):
                looked = tested | self._things(statement.test)
                self.block(statement.body, looked)
                self.block(statement.orelse, looked)
                tested = looked if _returns(statement.body) else tested
            elif isinstance(statement, ast.Try):
                tested = self._try(statement, tested)
            elif isinstance(statement, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith):
                self.block(statement.body, tested)
            else:
                self._statement(statement, tested)

    def _try(self, statement: ast.Try, tested: frozenset[str]) -> frozenset[str]:
        self.block(statement.body, tested)
        if not any(_catches_missing(handler) for handler in statement.handlers):
            self.block([inner for handler in statement.handlers for inner in handler.body], tested)
            self.block([*statement.orelse, *statement.finalbody], tested)
            return tested
        looked = tested.union(*(self._things(inner) for inner in statement.body))
        for handler in statement.handlers:
            self.block(handler.body, looked)
        self.block([*statement.orelse, *statement.finalbody], tested)
        return looked if _returns(statement.body) else tested

    def _statement(self, statement: ast.stmt, tested: frozenset[str]) -> None:
        for node in ast.walk(statement):
            if isinstance(node, ast.NamedExpr):
                self._made_of[node.target.id] = self._things(node.value)
            elif isinstance(node, ast.Call):
                self._call(node)
        if isinstance(statement, ast.Assign):
            self._assign(statement.targets, statement.value, tested)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign([statement.target], statement.value, tested)

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr, tested: frozenset[str]) -> None:
        for node in ast.walk(value):
            if isinstance(node, ast.IfExp | ast.BoolOp):
                tested |= self._things(node)
        things = self._things(value)
        for target in targets:
            if isinstance(target, ast.Name):
                self._made_of[target.id] = things
            elif isinstance(target, ast.Attribute | ast.Subscript) and self._is_made(value):
                place = target if isinstance(target, ast.Attribute) else target.value
                self._keep(self._things(place) & tested)

    def _call(self, node: ast.Call) -> None:
        name = dotted(node.func).rpartition(".")[2]
        first = node.args[0] if node.args else None
        if name in {"setattr", "__setattr__"} and isinstance(first, ast.Name) and first.id in self._arguments:
            self.kept.add(first.id)
        elif name == "setdefault" and isinstance(node.func, ast.Attribute) and _calls(node.args):
            self._keep(self._things(node.func.value))

    def _keep(self, things: frozenset[str]) -> None:
        self.kept |= {thing.partition(".")[0] for thing in things}

    def _is_made(self, value: ast.expr) -> bool:
        """Tell whether a value comes from a call, here or before: not from the caller, not from the text."""
        names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
        return _calls([value]) or bool(names - self._arguments)

    def _things(self, node: ast.AST) -> frozenset[str]:
        found: set[str] = set()
        pending = [node]
        while pending:
            current = pending.pop()
            if isinstance(current, ast.Compare) and any(isinstance(op, _ORDERINGS) for op in current.ops):
                continue
            if isinstance(current, ast.Name):
                found |= self._made_of.get(current.id, _NOTHING)
            else:
                found.update(self._named(current))
            pending.extend(ast.iter_child_nodes(current))
        return frozenset(found)

    def _named(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in self._arguments:
                yield f"{node.value.id}.{node.attr}"
        elif (
            isinstance(node, ast.Call) and dotted(node.func) in {"hasattr", "getattr"} and len(node.args) > 1
        ):
            first, name = node.args[:2]
            if isinstance(first, ast.Name) and first.id in self._arguments and isinstance(name, ast.Constant):
                yield f"{first.id}.{name.value!s}"


def _returns(statements: Sequence[ast.stmt]) -> bool:
    return bool(statements) and isinstance(statements[-1], ast.Return)


def _calls(nodes: Sequence[ast.expr]) -> bool:
    return any(isinstance(inner, ast.Call | ast.Await) for node in nodes for inner in ast.walk(node))


def _catches_missing(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or dotted(kind).rpartition(".")[2] in _MISSING for kind in kinds)
