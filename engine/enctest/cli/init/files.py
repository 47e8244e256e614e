"""The files of a project that say something about its databases, read once and never run."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from enctest.foreign import is_foreign_folder

_MOST_FILES, _LARGEST = 5_000, 1_000_000
"""Files that are looked at, and bytes of one."""
_DEPTH = 5
_QUIET = {"node_modules", "build", "dist", "site-packages", "docs"}
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^]]*\])?")


@dataclass(frozen=True)
class Files:
    """What can be read of a project.

    Attributes:
        root: Its folder.
        paths: Its files, relative to the root, those near the root first.
    """

    root: Path
    paths: tuple[Path, ...] = field(repr=False)

    @classmethod
    def of(cls, root: Path) -> Files:
        """List the files of a project, but for those of other people and of tools."""
        found: list[Path] = []
        for path in _walk(root):
            found.append(path.relative_to(root))
            if len(found) >= _MOST_FILES:
                break
        return cls(root, tuple(sorted(found, key=lambda path: (len(path.parts), str(path)))))

    def named(self, *patterns: str) -> Iterator[Path]:
        """Yield the files whose names match a pattern, those near the root first."""
        yield from (path for path in self.paths if any(path.match(pattern) for pattern in patterns))

    def text(self, path: Path) -> str:
        """Return what is in a file, as far as it is text and not too large."""
        try:
            with (self.root / path).open("rb") as stream:
                return stream.read(_LARGEST).decode("utf-8", "replace")
        except OSError:
            return ""

    @cached_property
    def project(self) -> dict[str, object]:
        """The table of pyproject.toml; empty when there is none that can be read."""
        try:
            return tomllib.loads(self.text(Path("pyproject.toml")))
        except tomllib.TOMLDecodeError:
            return {}

    @cached_property
    def requirements(self) -> frozenset[str]:
        """Names of the distributions that the project asks for, in lower case with hyphens."""
        lines = [
            line
            for path in self.named("*requirements*.txt", "requirements/*.txt")
            for line in self._lines(path)
        ]
        lines += _strings(
            self.project, "dependencies", "optional-dependencies", "dependency-groups", "dev-dependencies"
        )
        names = (match[1] for line in lines if (match := _REQUIREMENT.match(line)))
        return frozenset(re.sub(r"[-_.]+", "-", name).lower() for name in names)

    def _lines(self, path: Path) -> list[str]:
        return [line for line in self.text(path).splitlines() if not line.lstrip().startswith(("#", "-"))]


def _walk(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        below[:] = sorted(
            name
            for name in below
            if depth < _DEPTH
            and not name.startswith(".")
            and name not in _QUIET
            and not is_foreign_folder(str(here / name), name)
        )
        yield from (here / name for name in sorted(names))


def _strings(table: object, *keys: str) -> list[str]:
    """Return the requirements below any of these keys: lists of them, or tables of names (Poetry's)."""
    found: list[str] = []
    if isinstance(table, dict):
        for key, value in table.items():
            found += _all_strings(value) if key in keys else _strings(value, *keys)
    return found


def _all_strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in _all_strings(each)]
    if isinstance(value, dict):  # a group of lists, or Poetry's names
        return [
            *value,
            *(text for each in value.values() if isinstance(each, list) for text in _all_strings(each)),
        ]
    return []
