"""Entry probes: the statement `HITS[i] = 1` at the head of every function, put in while compiling.

`HITS` is no name: it is a constant of the code object, first a marker (so that the code can be cached on
disk), then the module's own byte array. So the module's namespace stays as it was, no call is made, and
a function's entry costs about 15 ns. The line numbers of everything else stay, and the probe has that of
the function's first statement. Functions that keep values for later callers say when they begin and end.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import CodeType
from typing import NamedTuple

from enctest.selection.keepers import keeping
from enctest.selection.memo import is_cached, is_lazy, keeps_state, module_variables
from enctest.selection.names import Function, docstring, functions, imported_names

MARKER = b"\0enctest: the hits of this module\0"


class Layout(NamedTuple):
    """What is known of the functions of one compiled file; functions are numbered from 0 in source order.

    Attributes:
        names: Qualified names.
        lines: First lines, those of decorators included, as code objects have them.
        cached: Functions with a decorator that keeps their values.
        lazy: Those among `cached` whose body does not run when they are called.
        imports: Modules that the file's import statements name.
    """

    names: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    cached: frozenset[int] = frozenset()
    lazy: frozenset[int] = frozenset()
    imports: tuple[str, ...] = ()


class Hits(bytearray):
    """One byte per function of a module, 1 once it was entered; the module's code holds it as a constant.

    Attributes:
        first: Number of the module's first function.
        numbers: Those of all its functions.
        path: The module's file, relative to the root.
        layout: Its functions.
        entered, left: Called when a function that keeps values begins, with (hits, index, the object it keeps
            them on or None, whether others can run before it ends), and when it ends, with (hits, index).
    """

    first: int = 0
    numbers: range = range(0)
    path: str = ""
    layout: Layout = Layout()
    entered: Callable[[Hits, int, object, bool], None] | None = None
    left: Callable[[Hits, int], None] | None = None

    # Code objects are hashed and compared by their constants, byte arrays are not hashable.
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Hits], tuple[int]]:
        """Record nothing in another process (functions are sent to others by value, at times)."""
        return Hits, (len(self),)

    def enter(self, index: int, keeper: object = None) -> None:
        """A function that keeps values (on `keeper`, if that is known) begins."""
        self[index] = 1
        if self.entered is not None:
            self.entered(self, index, keeper, False)

    def begin(self, index: int, keeper: object = None) -> None:
        """The body of a coroutine or generator that keeps values begins."""
        self[index] = 1
        if self.entered is not None:
            self.entered(self, index, keeper, True)

    def leave(self, index: int) -> None:
        """A function that keeps values ends."""
        if self.left is not None:
            self.left(self, index)


def instrument(tree: ast.Module) -> Layout:
    """Put the probes into a syntax tree, in place."""
    found = functions(tree)
    imports = tuple(imported_names(tree))
    shared = module_variables(tree)
    cached, lazy = set(), set()
    for index, (_, node) in enumerate(found):
        has_cache, is_deferred = is_cached(node), is_lazy(node)
        if has_cache:
            cached.add(index)
            if is_deferred:
                lazy.add(index)
        keeps = keeps_state(node, shared)
        where = None if keeps else keeping(node)
        method = "enter" if not is_deferred else "" if has_cache else "begin"
        if where is not None and where.places:
            for block, start, end in where.places:
                _bracket(block, start, end, _Probe(index, method, where.argument))
            _insert(node, index, None)
        elif method and (where is not None or has_cache or keeps):
            _insert(node, index, _Probe(index, method, "" if where is None else where.argument))
        else:
            _insert(node, index, None)
    return Layout(
        names=tuple(name for name, _ in found),
        lines=tuple(min([node.lineno, *(d.lineno for d in node.decorator_list)]) for _, node in found),
        cached=frozenset(cached),
        lazy=frozenset(lazy),
        imports=imports,
    )


class _Probe(NamedTuple):
    """What brackets a part of a function that keeps values."""

    function: int
    method: str
    argument: str


def _insert(node: Function, index: int, probe: _Probe | None) -> None:
    start = 1 if docstring(node) is not None else 0
    rest = node.body[start:]
    place = rest[0] if rest else node.body[0]
    if probe is not None and rest:
        _bracket(node.body, start, len(node.body), probe)
        return
    target = ast.Subscript(ast.Constant(MARKER), ast.Constant(index), ast.Store())
    node.body.insert(start, _placed(ast.Assign([target], ast.Constant(1)), place))


def _bracket(block: list[ast.stmt], start: int, end: int, probe: _Probe) -> None:
    rest = block[start:end]
    guarded = ast.Try(rest, [], [], [_placed(_call("leave", probe.function), _last(rest))])
    begin = _placed(_call(probe.method, probe.function, probe.argument), rest[0])
    block[start:end] = [begin, ast.copy_location(guarded, rest[0])]


def _last(statements: list[ast.stmt]) -> ast.stmt:
    """Return the statement that mostly runs last: with its line, the end is no line of its own."""
    last = statements[-1]
    while isinstance(last, ast.If | ast.For | ast.While | ast.With | ast.Try):
        last = last.body[-1]
    return last


def _call(method: str, index: int, argument: str = "") -> ast.stmt:
    function = ast.Attribute(ast.Constant(MARKER), method, ast.Load())
    arguments: list[ast.expr] = [ast.Constant(index)]
    if argument:
        arguments.append(ast.Name(argument, ast.Load()))
    return ast.Expr(ast.Call(function, arguments, []))


def _placed(statement: ast.stmt, place: ast.stmt) -> ast.stmt:
    """Give a new statement the line of `place`, so that tracing sees no line that was not there."""
    for node in ast.walk(statement):
        if isinstance(node, ast.expr | ast.stmt):
            ast.copy_location(node, place)
            node.end_lineno, node.end_col_offset = node.lineno, node.col_offset
    return statement


def attach(code: CodeType, hits: Hits) -> CodeType:
    """Return `code` with the marker replaced by `hits`, in nested functions too."""
    constants: list[object] | None = None
    for index, constant in enumerate(code.co_consts):
        new: object = constant
        if type(constant) is CodeType:
            new = attach(constant, hits)
        elif type(constant) is bytes and constant == MARKER:
            new = hits
        if new is not constant:
            constants = constants or list(code.co_consts)
            constants[index] = new
    return code if constants is None else code.replace(co_consts=tuple(constants))
