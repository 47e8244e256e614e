"""Where a test's dependencies begin: its file, and the conftests that count there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enctest.selection.boundary import Boundary

if TYPE_CHECKING:
    import pytest


class Roots:
    """Knows the conftests that were imported.

    Args:
        boundary: Says which files are the project's own.
    """

    def __init__(self, boundary: Boundary) -> None:
        self._boundary = boundary
        self._conftests: list[str] = []
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}

    def add(self, path: str) -> None:
        """A file is imported for the first time; `path` is relative to the root."""
        if path.rpartition("/")[2] == "conftest.py":
            self._conftests.append(path)

    def of(self, item: pytest.Item) -> tuple[str, ...]:
        """Return the test's file and the conftests that count there."""
        file = str(item.path)
        count, roots = self._known.get(file, (-1, ()))
        if count != len(self._conftests):
            path = self._boundary.relative(file) or item.nodeid.partition("::")[0]
            folder = path.rpartition("/")[0]
            conftests = [name for name in self._conftests if _is_within(folder, name.rpartition("/")[0])]
            roots = tuple(dict.fromkeys([path, *conftests]))
            self._known[file] = len(self._conftests), roots
        return roots


def _is_within(folder: str, parent: str) -> bool:
    return not parent or folder == parent or folder.startswith(parent + "/")
