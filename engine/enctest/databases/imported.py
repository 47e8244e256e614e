"""Which of the project's files Python files import, read from their text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def imported_files(files: Iterable[Path], bases: Sequence[Path]) -> set[Path]:
    """Return the files below `bases` that `files` import, directly or not; what cannot be parsed: nothing."""
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        for name in _names(waiting.pop()):
            for path in _modules(name, bases):
                if path not in found:
                    found.add(path)
                    waiting.append(path)
    return found


def _names(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file may import; relative ones are left to the folder they are in."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = _package(path, node.level)
            name = ".".join(part for part in (package, node.module or "") if part)
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _package(path: Path, level: int) -> str:
    """Return the dotted name of the package that a relative import starts from."""
    if not level:
        return ""
    folder = path.parents[level - 1] if level <= len(path.parents) else path.parent
    parts: list[str] = []
    while (folder / "__init__.py").is_file():
        parts.append(folder.name)
        folder = folder.parent
    return ".".join(reversed(parts))


def _modules(name: str, bases: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of a module and of the packages it is in."""
    parts = name.split(".")
    for base in bases:
        for end in range(1, len(parts) + 1):
            place = base.joinpath(*parts[:end])
            for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                if parts[end - 1] and path.is_file():
                    yield path
