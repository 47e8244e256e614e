"""Functions that keep a value for later callers: what made the value ran only for the first of them."""

from __future__ import annotations

import ast

from enctest.selection.names import Function, dotted, own_nodes

_WORDS = ("cache", "memo", "once", "singleton", "lazy", "reify")
_ON_INSTANCES = ("cached_property", "lazy_property", "lazyproperty", "lazy_attribute", "reify")
"""Ends of names of decorators that keep the value on the instance and nowhere else."""
_MAKERS = frozenset({"__init__", "__new__", "__post_init__", "__setattr__", "__set__", "__setstate__"})
_ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
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


def keeper(node: Function) -> str:
    """Return the argument on which the function keeps a value for later callers, or ''.

    Either a decorator does so, or the body: what it stores there depends on whether something is there
    (`if self._value is None: self._value = ...`).
    """
    arguments = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if not arguments or node.name in _MAKERS or node.name.startswith("test"):
        return ""
    if is_cached(node):
        names = [dotted(decorator).rpartition(".")[2].lower() for decorator in node.decorator_list]
        return arguments[0] if any(name.endswith(_ON_INSTANCES) for name in names) else ""
    looked = _Looked(frozenset(arguments))
    for inner in own_nodes(node):
        looked.at(inner)
    return next(iter(sorted(looked.kept())), "")


class _Looked:
    """What a function stores on its arguments, and what it first looks at there.

    Things are spelled `argument.attribute`; a local variable is one too, and stands for what it was made of.
    """

    def __init__(self, arguments: frozenset[str]) -> None:
        self._arguments = arguments
        self._stored: set[str] = set()
        self._tested: set[str] = set()
        self._made_of: dict[str, set[str]] = {}

    def at(self, node: ast.AST) -> None:
        """Take one node of the body."""
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._store(target)
                self._make(target, node.value)
        elif isinstance(node, ast.NamedExpr):
            self._make(node.target, node.value)
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            self._test(node.test)
        elif isinstance(node, ast.BoolOp):
            self._test(node)
        elif isinstance(node, ast.Try) and node.handlers:
            for statement in node.body:
                self._test(statement)
        elif isinstance(node, ast.Call):
            self._call(node)

    def kept(self) -> set[str]:
        """Return the arguments that values are kept on."""
        both = self._all(self._stored) & self._all(self._tested)
        return {thing.partition(".")[0] for thing in both if "." in thing}

    def _all(self, things: set[str]) -> set[str]:
        """Return things, and what those among them that are local variables were made of."""
        found: set[str] = set()
        pending = list(things)
        while pending:
            thing = pending.pop()
            if thing not in found:
                found.add(thing)
                pending.extend(self._made_of.get(thing, ()))
        return found

    def _make(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
            self._made_of.setdefault(target.id, set()).update(self._things(value), names - self._arguments)

    def _store(self, target: ast.expr) -> None:
        if isinstance(target, ast.Attribute):
            self._stored |= self._things(target)
        elif isinstance(target, ast.Subscript):
            self._stored |= self._things(target.value)
            if isinstance(target.value, ast.Name):
                self._stored.add(target.value.id)

    def _test(self, node: ast.AST) -> None:
        pending = [node]
        while pending:
            current = pending.pop()
            if isinstance(current, ast.Compare) and any(isinstance(op, _ORDERINGS) for op in current.ops):
                continue
            if isinstance(current, ast.Name):
                self._tested.add(current.id)
            self._tested |= self._thing(current)
            pending.extend(ast.iter_child_nodes(current))

    def _call(self, node: ast.Call) -> None:
        function = dotted(node.func)
        first = node.args[0] if node.args else None
        if (
            function.rpartition(".")[2] in {"setattr", "__setattr__"}
            and isinstance(first, ast.Name)
            and first.id in self._arguments
        ):
            self._stored.add(f"{first.id}.*")
            self._tested.add(f"{first.id}.*")
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "setdefault":
            things = self._things(node.func.value)
            self._stored |= things
            self._tested |= things

    def _things(self, node: ast.AST) -> set[str]:
        return {thing for inner in ast.walk(node) for thing in self._thing(inner)}

    def _thing(self, node: ast.AST) -> set[str]:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return {f"{node.value.id}.{node.attr}"} if node.value.id in self._arguments else set()
        if isinstance(node, ast.Call) and dotted(node.func) in {"hasattr", "getattr"} and len(node.args) > 1:
            first, name = node.args[:2]
            if isinstance(first, ast.Name) and first.id in self._arguments and isinstance(name, ast.Constant):
                return {f"{first.id}.{name.value}"} if isinstance(name.value, str) else set()
        return set()
