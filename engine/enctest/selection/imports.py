"""Edges between project files: import statements and computed imports, as they were really resolved."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import NamedTuple

from enctest.selection.boundary import Boundary
from enctest.selection.callers import file_of
from enctest.selection.names import imported_names
from enctest.selection.owners import Owner

_COMPREHENSIONS = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
"""They have frames of their own before Python 3.12, and run where they stand."""


Late = Iterable[tuple[Owner, Iterable[str]]]
"""Who runs import statements, and the names in them."""

_OPTIMIZED = 1
"""As `inspect.CO_OPTIMIZED`, which takes long to import: the code of a function, and not of a class."""


class Place(NamedTuple):
    """Code of the project: the file (relative to the root), first line and name of its code object."""

    path: str
    line: int
    name: str


class ImportGraph:
    """Knows which module names stand for which project files.

    An import statement names modules that may be imported later, or never; so names wait until they turn up
    in `sys.modules`, and then become an edge or, for foreign modules, nothing.

    Args:
        boundary: Says which files are the project's own.
    """

    def __init__(self, boundary: Boundary) -> None:
        self._boundary = boundary
        self._paths: dict[str, str] = {}
        self._waiting: list[tuple[Owner | str, str]] = []
        self._asked: list[tuple[Owner, str]] = []
        self._users: defaultdict[str, set[str]] = defaultdict(set)
        self._brought: defaultdict[str, set[str]] = defaultdict(set)
        self._files: dict[str, str | None] = {}
        self._seen: set[str] = set()
        self._size = 0

    def add(self, path: str, module: ModuleType, imports: Iterable[str], late: Late = ()) -> None:
        """A file was imported as `module`.

        `imports` are the names in its import statements, `late` those of its functions.
        """
        name = module.__name__
        self._paths[name] = path
        self._seen.add(name)
        self._size = 0
        package = str(module.__package__ or "")
        names = {_absolute(imported, package) for imported in imports} | {name.rpartition(".")[0]}
        self._waiting.extend((path, prefix) for prefix in _prefixes(names))
        for owner, asked in late:
            absolute = {_absolute(imported, package) for imported in asked}
            self._waiting.extend((owner, prefix) for prefix in _prefixes(absolute))
            names |= absolute
        for imported in names:
            self._users[imported.partition(".")[0]].add(path)

    def bring(self, library: str, path: str) -> None:
        """An installed library imports a project file, for whoever uses the library (its top-level name)."""
        self._brought[library].add(path)

    def ask(self, owners: Iterable[Owner], name: str, package: str) -> None:
        """A module was asked for by a computed name, on behalf of `owners`."""
        for prefix in _prefixes([_absolute(name, package)]):
            self._asked.extend((owner, prefix) for owner in owners)
        self._size = 0

    def has_news(self) -> bool:
        """Tell whether anything was imported since the last `edges`."""
        return len(sys.modules) != self._size

    def edges(self, module: Callable[[str], Owner]) -> Iterator[tuple[Owner, str]]:
        """Yield (owner, imported file) for what is imported by now; `module` gives a file's owner."""
        asked, self._asked = self._asked, []
        for owner, name in asked:
            if name in self._paths:
                yield owner, self._paths[name]
        for library, paths in self._brought.items():
            for user in self._users[library]:
                yield from ((module(user), path) for path in paths)
        waiting, self._waiting = self._waiting, []
        for who, name in waiting:
            if name in self._paths:
                yield module(who) if isinstance(who, str) else who, self._paths[name]
            elif name not in sys.modules:
                self._waiting.append((who, name))
        self._size = len(sys.modules)

    def strangers(self) -> Iterator[tuple[str, ModuleType, str, list[str]]]:
        """Yield (path, module, digest, imports) of project modules that did not come through the hook."""
        for name, module in list(sys.modules.items()):
            if name in self._seen or _is_loading(module):
                continue  # what is being loaded may come through the hook yet
            self._seen.add(name)
            if name == "__main__" or not isinstance(module, ModuleType):
                continue
            origin = vars(module).get("__file__")
            if not isinstance(origin, str):
                continue
            path = self._boundary.relative(origin)
            if path is not None:
                yield path, module, *_read(Path(origin))

    def loading(self) -> Iterator[str]:
        """Yield the project files whose modules are being loaded."""
        for module in list(sys.modules.values()):
            origin = getattr(module, "__file__", None)
            if isinstance(origin, str) and _is_loading(module):
                path = self._boundary.relative(origin)
                if path is not None:
                    yield path

    def nearest(self) -> Place | None:
        """Return whose code of the project is nearest on this thread's stack (a template's is not it)."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to know who imports
        while frame is not None:
            file = file_of(frame)
            try:
                path = self._files[file]
            except KeyError:
                path = self._files[file] = self._boundary.relative(file) if file.endswith(".py") else None
            if path is not None and not _is_own(frame) and not _runs_where_it_stands(frame.f_code):
                return Place(path, frame.f_code.co_firstlineno, frame.f_code.co_name)
            frame = frame.f_back
        return None


def _is_loading(module: object) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _runs_where_it_stands(code: CodeType) -> bool:
    """Tell whether code is the body of a class or a comprehension: then it is part of what is around it."""
    is_body = not code.co_flags & _OPTIMIZED and code.co_name != "<module>"
    return is_body or code.co_name in _COMPREHENSIONS


def _is_own(frame: FrameType) -> bool:
    """Tell whether the recorder's own code runs here (it is project code when its own tests are recorded)."""
    return str(frame.f_globals.get("__name__", "")).startswith("enctest.")


def _absolute(name: str, package: str) -> str:
    stripped = name.lstrip(".")
    level = len(name) - len(stripped)
    if not level:
        return name
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{stripped}" if stripped and base else base or stripped


def _prefixes(names: Iterable[str]) -> set[str]:
    found = set()
    for name in names:
        while name and name not in found:
            found.add(name)
            name = name.rpartition(".")[0]  # noqa: PLW2901 - climbs to the parent package
    return found


def _read(file: Path) -> tuple[str, list[str]]:
    try:
        source = file.read_bytes()
    except OSError:
        return "", []
    digest = hashlib.sha256(source).hexdigest()
    if file.suffix != ".py":
        return digest, []
    try:
        return digest, imported_names(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError):
        return digest, []
