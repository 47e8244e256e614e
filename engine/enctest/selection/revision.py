"""Other bodies for functions that have not run: an edit is taken over, and nothing is imported again.

A suspended process holds what its modules have made. Where an edited file would make the same once more, but
for the bodies of functions that nobody has entered so far, the functions that are there get their new code,
and the process is as if it had imported the file as it is now. Anything else is `UnfitError`.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.machinery
import linecache
import sys
import warnings
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import NamedTuple, Protocol

from enctest.selection.definitions import Definitions
from enctest.selection.imports import ImportGraph
from enctest.selection.owners import Owner
from enctest.selection.probe import MARK, Board, Layout, Section, attach, compile_with_probes
from enctest.selection.telling import Functions, Tell

_OPTIMIZED, _LAZY = 0x1, 0x20 | 0x80 | 0x200
"""Flags of code objects: a function's (a class body has it not); a generator's, a coroutine's or both."""
_HAS_DOCSTRING = 0x4000000 if sys.version_info >= (3, 14) else 0
_SUSPENDED = (GeneratorType, CoroutineType, AsyncGeneratorType)


class UnfitError(Exception):
    """An edited file has to be imported again; the text says why."""


class Loaded(NamedTuple):
    """One execution of a project file in this process.

    Attributes:
        file: Absolute path.
        module: What it was executed as.
        code: Its module level, with what was compiled into it.
        digest: SHA-256 (hex) of the source.
        section: Its part of the board; None if it came without probes, or by a loader of somebody else.
    """

    file: str
    module: weakref.ref[ModuleType]
    code: CodeType | None
    digest: str
    section: Section | None


class Declare(Protocol):
    """Numbers the functions of a file and tells of them."""

    def __call__(self, path: str, digest: str, layout: Layout, tell: Tell, /) -> Section:
        """Return what belongs into the file's code."""


class Revisions:
    """Takes over edits.

    Args:
        loads: What was executed so far, by path.
        definitions: Knows the functions.
        graph: Knows the modules.
    """

    def __init__(self, loads: dict[str, list[Loaded]], definitions: Definitions, graph: ImportGraph) -> None:
        self._loads = loads
        self._definitions = definitions
        self._graph = graph

    def revise(self, path: str, owners: Iterable[Owner], declare: Declare) -> Functions | None:
        """Take over what a file says now; all or nothing, and nothing (None) if it says what it said.

        Args:
            path: The file, relative to the root.
            owners: All that owns what has happened so far.
            declare: Numbers its functions.

        Returns:
            The numbers of its functions.

        Raises:
            UnfitError: It has to be imported again.
        """
        has_run: set[int] = set()
        for owner in owners:
            has_run |= owner.blocks
            if path in owner.files:
                raise UnfitError("not only its import has read it")
        before = self._loads.get(path, [])
        if len(before) != 1:
            raise UnfitError("it was executed more than once")
        told: list[Functions] = []
        old = before[0]
        new = exchange(old, has_run, lambda digest, layout: declare(path, digest, layout, told.append))
        module = new.module()
        if old.section is not None and new.section is not None and module is not None and told:
            self._loads[path] = [new]
            self._definitions.succeed(old.section, new.section)
            late = self._definitions.late_imports(path)
            self._graph.add(path, module, new.section.layout.imports, late)
        return told[0] if told else None


class _Exchange(NamedTuple):
    """All that is to be done for one file, found before anything is."""

    code: CodeType
    section: Section
    functions: list[tuple[FunctionType, CodeType]]
    classes: list[tuple[type, int]]


def exchange(loaded: Loaded, has_run: Collection[int], declare: Callable[[str, Layout], Section]) -> Loaded:
    """Give the functions of a file the code that it has for them now; return the execution it would be.

    Args:
        loaded: The file's execution.
        has_run: The numbers of all functions that were ever entered.
        declare: Numbers the functions of a digest (hex).

    Raises:
        UnfitError: It would not make the same again.
    """
    source = _source(loaded.file)
    digest = hashlib.sha256(source).hexdigest()
    if digest == loaded.digest:
        return loaded
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an import would give them
        compiled = compile_with_probes(source, loaded.file)
    if compiled is None:
        raise UnfitError("it does not compile, or not without a warning")
    found = _prepared(loaded, compiled, has_run, lambda layout: declare(digest, layout))
    for function, code in found.functions:
        function.__code__ = code
    for cls, line in found.classes:
        type.__setattr__(cls, "__firstlineno__", line)
    linecache.checkcache(loaded.file)
    return loaded._replace(code=found.code, digest=digest, section=found.section)


def _source(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UnfitError(f"it cannot be read: {error.strerror}") from None


def _prepared(
    loaded: Loaded,
    compiled: tuple[CodeType, Layout],
    has_run: Collection[int],
    declare: Callable[[Layout], Section],
) -> _Exchange:
    module = loaded.module()
    old, section = loaded.code, loaded.section
    if module is None or old is None or section is None or sys.modules.get(module.__name__) is not module:
        raise UnfitError("it was not imported in the usual way")
    if type(module.__loader__) is not importlib.machinery.SourceFileLoader:
        raise UnfitError("it has a loader of its own")
    plain, layout = compiled
    pairs = {id(each[0]): each for each in _counterparts(old, plain, _Numbers(section, has_run).includes)}
    _see_that_none_is_at_work({id(old), *pairs})
    living = _living(module, loaded.file, pairs)
    fresh = declare(layout)
    code = attach(plain, fresh)
    attached = dict(_twins(plain, code))
    functions = [(function, attached[id(new)]) for function, new in living]
    return _Exchange(code, fresh, functions, list(_classes(module, pairs.values())))


class _Numbers:
    """The functions of a file that have run, by their code."""

    def __init__(self, section: Section, has_run: Collection[int]) -> None:
        self._places: dict[tuple[int, str], list[int]] = {}
        self._has_run = has_run
        layout = section.layout
        for index, (name, line) in enumerate(zip(layout.names, layout.lines, strict=True)):
            plain = name.rpartition(".")[2].partition("#")[0]
            self._places.setdefault((line, plain), []).append(section.first + index)

    def includes(self, code: CodeType) -> bool:
        """Tell whether this may have run: with what is around it, if it has no number (a class, a lambda)."""
        numbers = self._places.get((code.co_firstlineno, code.co_name), [])
        return not numbers or any(number in self._has_run for number in numbers)


def _counterparts(
    old: CodeType, new: CodeType, has_run: Callable[[CodeType], bool]
) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield what code that has run can have made functions of, as it was and as it is.

    Raises:
        UnfitError: `new` would not do the same as `old` has done.
    """
    if _frame(old) != _frame(new) or len(old.co_consts) != len(new.co_consts):
        raise UnfitError(f"`{old.co_qualname}` has run and is another one now")
    for before, after in zip(old.co_consts, new.co_consts, strict=True):
        if isinstance(before, CodeType) and isinstance(after, CodeType):
            yield before, after
            if has_run(before):
                yield from _counterparts(before, after, has_run)
            elif _face(before) != _face(after):
                raise UnfitError(f"`{before.co_qualname}` is called differently now, or described")
        elif not _is_same(before, after) and not _is_line(old, new, before, after):
            raise UnfitError(f"a constant in `{old.co_qualname}` is another one now")


def _does_the_same(old: CodeType, new: CodeType) -> bool:
    try:
        list(_counterparts(old, new, lambda _: True))
    except UnfitError:
        return False
    return True


def _twins(plain: CodeType, attached: CodeType) -> Iterator[tuple[int, CodeType]]:
    """Yield the code objects within `attached`, by the identities of those that they were made of."""
    for before, after in zip(plain.co_consts, attached.co_consts, strict=True):
        if isinstance(before, CodeType) and isinstance(after, CodeType):
            yield id(before), after
            yield from _twins(before, after)


def _frame(code: CodeType) -> tuple[object, ...]:
    """Return what running this code does, but for its constants."""
    return (
        _signature(code), code.co_code, code.co_names, code.co_varnames, code.co_cellvars,
        code.co_exceptiontable,
    )  # fmt: skip


def _face(code: CodeType) -> tuple[object, ...]:
    """Return what a function shows of its code before it is called."""
    arguments = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return _signature(code), code.co_varnames[:arguments], _docstring(code)


def _signature(code: CodeType) -> tuple[object, ...]:
    return (
        code.co_name, code.co_qualname, code.co_flags, code.co_freevars,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount,
    )  # fmt: skip


def _docstring(code: CodeType) -> object:
    first = code.co_consts[0] if code.co_consts else None
    is_one = isinstance(first, str) and (not _HAS_DOCSTRING or bool(code.co_flags & _HAS_DOCSTRING))
    return first if is_one else None


def _is_same(before: object, after: object) -> bool:
    """Compare constants; those of probes differ only in how functions are numbered."""
    if isinstance(after, bytes) and after.startswith(MARK):
        return isinstance(before, int | Board | Section)
    if type(before) is not type(after):
        return False
    if isinstance(before, tuple) and isinstance(after, tuple):
        return len(before) == len(after) and all(map(_is_same, before, after))
    if isinstance(before, frozenset):
        return before == after and sorted(map(repr, before)) == sorted(map(repr, after))
    return before == after and repr(before) == repr(after)


def _is_line(old: CodeType, new: CodeType, before: object, after: object) -> bool:
    """Tell whether these are what a class (from Python 3.13 on) keeps of where it begins."""
    if old.co_flags & _OPTIMIZED or sys.version_info < (3, 13):
        return False
    return before == old.co_firstlineno and after == new.co_firstlineno


def _see_that_none_is_at_work(codes: Collection[int]) -> None:
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the only way to see the stack
    while frame is not None:
        if id(frame.f_code) in codes:
            raise UnfitError(f"`{frame.f_code.co_qualname}` is at work")
        frame = frame.f_back


def _living(
    module: ModuleType, file: str, pairs: dict[int, tuple[CodeType, CodeType]]
) -> list[tuple[FunctionType, CodeType]]:
    """Return all functions that the file has made, each with its new code."""
    gc.unfreeze()
    try:
        namespace = vars(module)
        functions = [one for one in gc.get_referrers(namespace) if type(one) is FunctionType]
        functions = [one for one in functions if one.__code__.co_filename == file]
        strange = [one for one in functions if id(one.__code__) not in pairs]
        if strange:
            raise UnfitError(f"`{strange[0].__qualname__}` has a code that is not the file's")
        found = [(one, pairs[id(one.__code__)][1]) for one in functions]
        lazy = [
            one for one, code in found if code.co_flags & _LAZY and not _does_the_same(one.__code__, code)
        ]
        if lazy and any(isinstance(one, _SUSPENDED) for one in gc.get_referrers(*lazy)):
            raise UnfitError("a generator or a coroutine of it has begun")
    finally:
        gc.freeze()
    return found


def _classes(module: ModuleType, pairs: Iterable[tuple[CodeType, CodeType]]) -> Iterator[tuple[type, int]]:
    """Yield the classes that say in which line they begin, and say what is no longer so, with the line."""
    for before, after in pairs:
        if before.co_flags & _OPTIMIZED or before.co_firstlineno == after.co_firstlineno:
            continue
        found: object = module
        for name in before.co_qualname.split("."):
            found = vars(found).get(name) if isinstance(found, ModuleType | type) else None
        if isinstance(found, type) and vars(found).get("__firstlineno__") == before.co_firstlineno:
            yield found, after.co_firstlineno
