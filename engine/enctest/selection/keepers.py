"""Functions that keep a value on one of their arguments, mostly `self`, for later callers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from enctest.selection.memo import is_cached
from enctest.selection.names import Function, dotted, own_nodes

_ON_INSTANCES = ("cached_property", "lazy_property", "lazyproperty", "lazy_attribute", "reify")
"""Ends of names of decorators that keep the value on the instance and nowhere else."""
_MAKERS = frozenset({"__init__", "__new__", "__post_init__", "__setattr__", "__set__", "__setstate__"})
_ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_MISSING = frozenset({"AttributeError", "KeyError", "LookupError", "IndexError"})
_NOTHING: frozenset[str] = frozenset()

Place = tuple[list[ast.stmt], int, int]
"""Statements of a block, from one index up to another."""


class Keeping(NamedTuple):
    """Where a function keeps a value.

    Attributes:
        argument: The argument that gets it.
        places: What makes and stores it; empty means the whole body.
    """

    argument: str
    places: tuple[Place, ...] = ()


def keeping(node: Function) -> Keeping | None:
    """Tell whether the function keeps a value on an argument.

    Either a decorator does so, or the body: it makes and stores something there if nothing is there
    (`if self._value is None: self._value = make()`). What is no call makes nothing that needs others.
    """
    arguments = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if not arguments or node.name in _MAKERS or node.name.startswith("test"):
        return None
    if is_cached(node):
        names = [dotted(decorator).rpartition(".")[2].lower() for decorator in node.decorator_list]
        return Keeping(arguments[0]) if any(name.endswith(_ON_INSTANCES) for name in names) else None
    if any(isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Del) for inner in own_nodes(node)):
        return None  # the argument may be gone where it is needed
    body = _Body(frozenset(arguments))
    body.block(node.body, _NOTHING, None)
    return Keeping(min(body.kept), tuple(body.places())) if body.kept else None


class _Body:
    """Goes through a body in order and finds what is stored where it was found missing.

    Things are spelled `argument.attribute`; a local variable stands for the things it was made of.
    """

    def __init__(self, arguments: frozenset[str]) -> None:
        self.kept: set[str] = set()
        self._arguments = arguments
        self._made_of: dict[str, frozenset[str]] = {}
        self._places: dict[int, Place] = {}

    def places(self) -> Iterator[Place]:
        """Yield one place for each block that has any."""
        yield from self._places.values()

    def block(self, statements: list[ast.stmt], tested: frozenset[str], guarded: Place | None) -> None:
        """Take statements; `tested` are the things whose presence decides whether `guarded` runs."""
        for index, statement in enumerate(statements):
            rest = (statements, index + 1, len(statements))
            if isinstance(statement, ast.If | ast.While):
                looked = tested | self._things(statement.test)
                for block in (statement.body, statement.orelse):
                    self.block(block, looked, (block, 0, len(block)))
                if _returns(statement.body):
                    tested, guarded = looked, rest
            elif isinstance(statement, ast.Try):
                looked = self._try(statement, tested, guarded)
                if looked != tested and _returns(statement.body):
                    tested, guarded = looked, rest
            elif isinstance(statement, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith):
                self.block(statement.body, tested, guarded)
            elif not isinstance(statement, Function | ast.ClassDef):
                self._statement(statement, tested, guarded or (statements, index, index + 1))

    def _try(self, statement: ast.Try, tested: frozenset[str], guarded: Place | None) -> frozenset[str]:
        looked = tested
        if any(_catches_missing(handler) for handler in statement.handlers):
            looked = tested.union(*(self._things(inner) for inner in statement.body))
        self.block(statement.body, tested, guarded)
        for handler in statement.handlers:
            self.block(handler.body, looked, (handler.body, 0, len(handler.body)))
        self.block(statement.orelse, tested, guarded)
        self.block(statement.finalbody, tested, guarded)
        return looked

    def _statement(self, statement: ast.stmt, tested: frozenset[str], place: Place) -> None:
        for node in ast.walk(statement):
            if isinstance(node, ast.NamedExpr):
                self._made_of[node.target.id] = self._things(node.value)
            elif isinstance(node, ast.Call):
                self._call(node, place)
        if isinstance(statement, ast.Assign):
            self._assign(statement.targets, statement.value, tested, place)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign([statement.target], statement.value, tested, place)

    def _assign(
        self, targets: Sequence[ast.expr], value: ast.expr, tested: frozenset[str], place: Place
    ) -> None:
        for node in ast.walk(value):
            if isinstance(node, ast.IfExp | ast.BoolOp):
                tested |= self._things(node)
        things = self._things(value)
        for target in targets:
            if isinstance(target, ast.Name):
                self._made_of[target.id] = things
            elif isinstance(target, ast.Attribute | ast.Subscript) and self._is_made(value):
                owner = target if isinstance(target, ast.Attribute) else target.value
                self._keep({thing.partition(".")[0] for thing in self._things(owner) & tested}, place)

    def _call(self, node: ast.Call, place: Place) -> None:
        first = node.args[0] if node.args else None
        if dotted(node.func).rpartition(".")[2] in {"setattr", "__setattr__"} and isinstance(first, ast.Name):
            self._keep({first.id} & self._arguments, place)

    def _keep(self, arguments: set[str], place: Place) -> None:
        if not arguments:
            return
        self.kept |= arguments
        block, start, end = place
        _, first, last = self._places.get(id(block), place)
        self._places[id(block)] = block, min(start, first), max(end, last)

    def _is_made(self, value: ast.expr) -> bool:
        """Tell whether a value comes from a call, here or before: not from the caller, not from the text."""
        names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
        return bool(names - self._arguments) or any(
            isinstance(node, ast.Call | ast.Await) for node in ast.walk(value)
        )

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


def _catches_missing(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or dotted(kind).rpartition(".")[2] in _MISSING for kind in kinds)
