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
        entered, left: Called with (hits, index) when a function that keeps values begins and ends.
    """

    first: int = 0
    numbers: range = range(0)
    path: str = ""
    layout: Layout = Layout()
    entered: Callable[[Hits, int], None] | None = None
    left: Callable[[Hits, int], None] | None = None

    # Code objects are hashed and compared by their constants, byte arrays are not hashable.
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> tuple[type[Hits], tuple[int]]:
        """Record nothing in another process (functions are sent to others by value, at times)."""
        return Hits, (len(self),)

    def enter(self, index: int) -> None:
        """A function that keeps values begins."""
        self[index] = 1
        if self.entered is not None:
            self.entered(self, index)

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
        _insert(node, index, bracket=not is_deferred and (has_cache or keeps_state(node, shared)))
    return Layout(
        names=tuple(name for name, _ in found),
        lines=tuple(min([node.lineno, *(d.lineno for d in node.decorator_list)]) for _, node in found),
        cached=frozenset(cached),
        lazy=frozenset(lazy),
        imports=imports,
    )


def _insert(node: Function, index: int, *, bracket: bool) -> None:
    start = 1 if docstring(node) is not None else 0
    rest = node.body[start:]
    place = rest[0] if rest else node.body[0]
    if not bracket or not rest:
        target = ast.Subscript(ast.Constant(MARKER), ast.Constant(index), ast.Store())
        node.body.insert(start, _placed(ast.Assign([target], ast.Constant(1)), place))
        return
    guarded = ast.Try(rest, [], [], [_placed(_call("leave", index), place)])
    node.body[start:] = [_placed(_call("enter", index), place), ast.copy_location(guarded, place)]


def _call(method: str, index: int) -> ast.stmt:
    function = ast.Attribute(ast.Constant(MARKER), method, ast.Load())
    return ast.Expr(ast.Call(function, [ast.Constant(index)], []))


def _placed(statement: ast.stmt, place: ast.stmt) -> ast.stmt:
    """Give a new statement the line of `place`, so that tracing sees no line that was not there."""
    for node in ast.walk(statement):
        if isinstance(node, ast.expr | ast.stmt):
            ast.copy_location(node, place)
            node.end_lineno, node.end_col_offset = node.lineno, node.col_offset
    return statement


def attach(code: CodeType, hits: Hits) -> CodeType:
    """Return `code` with the marker replaced by `hits`, in nested functions too."""
    constants = tuple(
        attach(constant, hits)
        if isinstance(constant, CodeType)
        else hits
        if _is_marker(constant)
        else constant
        for constant in code.co_consts
    )
    return code.replace(co_consts=constants)


def _is_marker(constant: object) -> bool:
    return type(constant) is bytes and constant == MARKER
