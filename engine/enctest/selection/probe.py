"""Entry probes: the statement `BOARD[number] = 1` at the head of every function, put in while compiling.

Neither is a name: they are constants of the code object, first markers (so that the code can be cached on
disk), then the process's byte array and the function's number in it. So the module's namespace stays as it
was, no call is made, and a function's entry costs about 15 ns. The line numbers of everything else stay, and
the probe has that of the function's first statement. Functions that keep values for later callers say when
they begin and end.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import CodeType
from typing import NamedTuple

from enctest.selection.keepers import keeping
from enctest.selection.memo import is_cached, is_lazy, keeps_state, module_variables
from enctest.selection.names import Function, docstring, functions, own_imports

MARK = b"\0enctest: "
_BOARD = MARK + b"the board\0"
_SECTION = MARK + b"the section\0"


class Layout(NamedTuple):
    """What is known of the functions of one compiled file; functions are numbered from 0 in source order.

    Attributes:
        names: Qualified names.
        lines: First lines, those of decorators included, as code objects have them.
        cached: Functions with a decorator that keeps their values.
        lazy: Those among `cached` whose body does not run when they are called.
        imports: Modules that import statements outside of functions name.
        late: Functions with import statements, each with the modules that those name.
    """

    names: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    cached: frozenset[int] = frozenset()
    lazy: frozenset[int] = frozenset()
    imports: tuple[str, ...] = ()
    late: tuple[tuple[int, tuple[str, ...]], ...] = ()


class Board(bytearray):
    """One byte per function of this process, 1 once it was entered; code holds it as a constant."""

    # Code objects are hashed and compared by their constants, byte arrays are not hashable.
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Board], tuple[int]]:
        """Record nothing in another process (functions are sent to others by value, at times)."""
        return Board, (len(self),)

    def number(self, functions: int) -> int:
        """Make room for more functions; return the number of the first."""
        first = len(self)
        self.extend(bytes(functions))
        return first

    def take(self) -> list[int]:
        """Return the numbers that were entered since the last time, in order.

        Other threads may go on: only what was seen is cleared.
        """
        found = []
        number = self.find(1)
        while number >= 0:
            self[number] = 0
            found.append(number)
            number = self.find(1, number + 1)
        return found


class Section:
    """One module's part of a board; the module's code holds it as a constant.

    Args:
        board: Has room for the module's functions.
        first: Number of the first one.
        layout: What they are.
        path: The module's file, relative to the root.

    Attributes:
        entered, left: Called when a function that keeps values begins, with (section, index, the object it
            keeps them on or None, whether others can run before it ends), and when it ends, with (section,
            index).
    """

    entered: Callable[[Section, int, object, bool], None] | None = None
    left: Callable[[Section, int], None] | None = None

    def __init__(self, board: Board, first: int, layout: Layout, path: str = "") -> None:
        self.board = board
        self.first = first
        self.layout = layout
        self.path = path

    def __reduce__(self) -> tuple[type[Section], tuple[Board, int, Layout]]:
        """Tell nobody in another process."""
        return Section, (self.board, self.first, self.layout)

    def enter(self, index: int, keeper: object = None) -> None:
        """A function that keeps values (on `keeper`, if that is known) begins."""
        self.board[self.first + index] = 1
        if self.entered is not None:
            self.entered(self, index, keeper, False)

    def begin(self, index: int, keeper: object = None) -> None:
        """The body of a coroutine or generator that keeps values begins."""
        self.board[self.first + index] = 1
        if self.entered is not None:
            self.entered(self, index, keeper, True)

    def leave(self, index: int) -> None:
        """A function that keeps values ends."""
        if self.left is not None:
            self.left(self, index)


def instrument(tree: ast.Module) -> Layout:
    """Put the probes into a syntax tree, in place."""
    found = functions(tree)
    imports = tuple(own_imports(tree))
    late = tuple(
        (index, tuple(names)) for index, (_, node) in enumerate(found) if (names := own_imports(node))
    )
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
        late=late,
    )


def compile_with_probes(
    source: bytes, file: str, change: Callable[[ast.Module], None] = lambda _: None
) -> tuple[CodeType, Layout] | None:
    """Compile a file's source with probes after `change`; None when it does not compile."""
    try:
        tree = ast.parse(source, filename=file)
        change(tree)
        layout = instrument(tree)
        return compile(tree, file, "exec", dont_inherit=True), layout
    except (SyntaxError, ValueError, RecursionError, MemoryError, Warning):
        return None


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
    target = ast.Subscript(ast.Constant(_BOARD), ast.Constant(b"%b%d" % (MARK, index)), ast.Store())
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
    function = ast.Attribute(ast.Constant(_SECTION), method, ast.Load())
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


def attach(code: CodeType, section: Section) -> CodeType:
    """Return `code` with the markers replaced by what they stand for, in nested functions too."""
    constants: list[object] | None = None
    for index, constant in enumerate(code.co_consts):
        new: object = constant
        if type(constant) is CodeType:
            new = attach(constant, section)
        elif type(constant) is bytes and constant.startswith(MARK):
            new = _meant(constant, section)
        if new is not constant:
            constants = constants or list(code.co_consts)
            constants[index] = new
    return code if constants is None else code.replace(co_consts=tuple(constants))


def _meant(marker: bytes, section: Section) -> object:
    if marker == _BOARD:
        return section.board
    return section if marker == _SECTION else section.first + int(marker[len(MARK) :])
