"""What paths mean to imports: module names that a file may be found under, and names for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_SOURCE_FOLDERS = ("src", "lib")


def module_names(path: str) -> set[str]:
    """Return every dotted name that an import may find this file under, whatever `sys.path` is."""
    parts = _parts(path)
    return {".".join(parts[start:]) for start in range(len(parts))}


def mentioned(path: str, imports: Iterable[str]) -> Iterator[str]:
    """Yield the dotted names that a file's imports name; relative ones from the root of the project."""
    folder = path.split("/")[:-1]
    for name in imports:
        stripped = name.lstrip(".")
        level = len(name) - len(stripped)
        if not level:
            yield name
        elif level - 1 <= len(folder):
            yield ".".join([*folder[: len(folder) - level + 1], *([stripped] if stripped else [])])


def looked_at(path: str) -> str:
    """Return the name under which it is told that somebody looked whether a file or folder is there."""
    return f"?{path.rstrip('/')}"


def inspected(path: str) -> str:
    """Return the name under which it is told that somebody looked at default values of a file's functions."""
    return f"&{path}"


def spoken(path: str, function: str) -> str:
    """Return a function's name for people, such as `shop.cart.Cart.total`."""
    parts = _parts(path)
    if len(parts) > 1 and parts[0] in _SOURCE_FOLDERS:
        parts = parts[1:]
    return ".".join([*parts, function])


def listings(path: str, known: Iterable[str]) -> Iterator[str]:
    """Yield the folders whose listing a new or deleted file changes: its own, and those above new ones.

    Args:
        path: The file.
        known: Paths of other files.
    """
    others = [other for other in known if other != path]
    folder = path.rpartition("/")[0]
    while True:
        yield f"{folder or '.'}/"
        if not folder or any(other.startswith(f"{folder}/") for other in others):
            return
        folder = folder.rpartition("/")[0]


def _parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
