"""Which files are the project's own."""

from __future__ import annotations

import os
from pathlib import Path

from enctest.foreign import FOREIGN_FOLDERS, is_foreign_folder


class Boundary:
    """Maps absolute paths to paths relative to the project's root (with slashes).

    Args:
        root: The project's root, resolved.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)
        self._folders: dict[str, str | None] = {}

    def relative(self, path: str) -> str | None:
        """Return the path of a file relative to the root, or None when it is not the project's own."""
        folder, name = os.path.split(path)
        try:
            prefix = self._folders[folder]
        except KeyError:
            prefix = self._folders[folder] = self._folder(folder)
        return None if prefix is None else prefix + name

    def is_known_foreign(self, path: str) -> bool:
        """Tell whether an absolute path is in a folder that was found not to be the project's own before."""
        folder = path[: path.rfind("/")]
        return self._folders.get(folder, "") is None and "/.." not in path

    def folder(self, path: str) -> str | None:
        """Return a folder relative to the root, ending in `/` (the root itself is `./`), or None."""
        prefix = self.relative(os.path.join(path, ""))
        return "./" if prefix == "" else prefix

    def _folder(self, folder: str) -> str | None:
        if not FOREIGN_FOLDERS.isdisjoint(folder.split(os.sep)) and not folder.startswith(self._root):
            return None
        try:
            relative = os.path.relpath(os.path.realpath(folder), self._root)
        except (OSError, ValueError):  # too many links, a null byte
            return None
        if relative == ".":
            return ""
        parts = relative.split(os.sep)
        if parts[0] == os.pardir:
            return None
        current = self._root
        for part in parts:
            current = os.path.join(current, part)
            if is_foreign_folder(current, part):
                return None
        return "/".join(parts) + "/"
