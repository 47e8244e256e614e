"""A key for the state of everything one test needs: the same key, the same result."""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from enctest.paths import CONFIG_FILES
from enctest.selection.paths import mentioned, module_names
from enctest.selection.rows import TestRow, function_name

if TYPE_CHECKING:
    from enctest.selection.index import DependencyIndex, File

_SIZE = 12
_encode = msgspec.msgpack.Encoder(order="sorted").encode
_Ground = tuple[str, tuple["File", ...]]


class Unknown(Exception):  # noqa: N818 - no error: there is no key then
    """Something that a test needs was never looked at."""


class StateKeys:
    """Computes keys against the files as the index remembers them.

    A key is made of all that selection looks at: the bodies of the functions that ran, all else of the files
    that are imported on the way (with what their import ran, read and looked for), data files, listed
    folders, names that no module has, conftests, pytest's configuration. The rest of the project is left out.

    Args:
        index: What is known of files and functions.
        world: Says what else every test depends on, such as installed distributions.
        variable: Says what the value of an environment variable is, in any form; without it a test that reads
            one has no key.
    """

    def __init__(
        self, index: DependencyIndex, world: Callable[[], str], variable: Callable[[str], str] | None = None
    ) -> None:
        self._index = index
        self._world = world
        self._variable = variable
        self._files: dict[str, str] = {}
        self._grounds: dict[tuple[object, ...], _Ground] = {}
        self._common = ""
        self._project = ""
        self._layout = _Layout(())
        self._as_of = (-1, -1, "")

    def of(self, row: TestRow) -> bytes:
        """Return the key of what the run that left this row needed, as of now; empty when it has none."""
        self._keep_up()
        try:
            ground, test_files = self._ground(row)
        except Unknown:
            return b""
        parts = [ground, row.test]
        homes = self._index.homes
        for number in array("I", row.blocks):
            file, name = homes[number]
            print_ = file.fingerprint
            parts.append(print_.blocks.get(name, "") if print_ is not None else "")
        own = function_name(row.test)
        for file in test_files:
            parts += [name for name in _blocks(file) if name.rpartition(".")[2].partition("#")[0] == own]
        return hashlib.blake2b("\0".join(parts).encode() + row.blocks, digest_size=_SIZE).digest()

    def files_of(self, row: TestRow) -> set[str]:
        """Return the files whose content is in the key of a row, data files included.

        Raises:
            Unknown: There is no key.
        """
        reached = self._reach(self._seeds(row))
        for path in list(reached):
            reached |= self._index.files[path].files
        return {path for path in reached | set(row.files) if not path.startswith(("$", "?", "&"))}

    def _keep_up(self) -> None:
        world = self._world()
        as_of = self._index.layout, self._index.generation, world
        if as_of == self._as_of:
            return
        if as_of[0] != self._as_of[0]:
            known = [path for path, file in self._index.files.items() if file.fingerprint is not None]
            self._layout = _Layout(known)
        self._as_of = as_of
        self._files.clear()
        self._grounds.clear()
        self._project = ""
        self._common = _digest(
            world,
            *(
                f"{path} {_content(self._index.files[path])}"
                for path in self._layout.paths
                if path in CONFIG_FILES or path.endswith(".sql") or path.rpartition("/")[2].startswith(".env")
            ),
        )

    def _ground(self, row: TestRow) -> _Ground:
        """Return the key of all but the functions that ran, which many tests share, and the test files."""
        identity = (row.roots, row.needs, row.files, row.absent, row.opaque)
        found = self._grounds.get(identity)
        if found is None:
            found = self._grounds[identity] = self._make_ground(row)
        return found

    def _make_ground(self, row: TestRow) -> _Ground:
        reached = sorted(self._reach(self._seeds(row)))
        parts = [f"{path} {self._file(path)}" for path in reached]
        parts += [path for path in _configuring(row.roots[0]) if self._layout.exists(path)]
        parts += [f"{path} {self._data(path)}" for path in row.files]
        parts += [f"{name} {self._layout.providers(name)}" for name in row.absent]
        if row.opaque:
            parts.append(self._everything())
        files = [self._index.files[path] for path in reached]
        tests = tuple(file for file in files if file.fingerprint is not None and file.fingerprint.tests)
        return _digest(self._common, *parts), tests

    def _seeds(self, row: TestRow) -> set[str]:
        seeds = {*row.roots, *filter(self._layout.exists, _configuring(row.roots[0]))}
        return seeds | {self._index.path_of(number) for number in array("I", row.needs)}

    def _reach(self, seeds: Iterable[str]) -> set[str]:
        """Return the files that are imported, directly or not, by these, themselves included."""
        files, homes = self._index.files, self._index.homes
        reached: set[str] = set()
        left = list(seeds)
        while left:
            path = left.pop()
            if path not in reached:
                reached.add(path)
                file = files.get(path)
                if file is None:
                    raise Unknown(path)
                left += file.imports
                left += [homes[block][0].path for block in file.blocks if block in homes]
        return reached

    def _file(self, path: str) -> str:
        """Return the key of one file's module level, and of what its import needs besides other files."""
        found = self._files.get(path)
        if found is None:
            found = self._files[path] = self._make_file(self._index.files[path])
        return found

    def _make_file(self, file: File) -> str:
        print_ = file.fingerprint
        if print_ is None:
            if file.digest:
                raise Unknown(file.path)
            return "gone"
        parts = [_encode(print_.without_bodies()).hex()]
        parts += [f"{name} {body}" for name, body in print_.blocks.items() if name not in file.names]
        for block in sorted(file.blocks):
            home, name = self._index.homes[block]
            body = home.fingerprint.blocks.get(name, "") if home.fingerprint is not None else ""
            parts.append(f"{home.path} {name} {body}")
        parts += [f"{path} {self._data(path)}" for path in sorted(file.files)]
        sought = {*file.absent, *mentioned(file.path, print_.imports)}
        parts += [f"{name} {self._layout.providers(name)}" for name in sorted(sought)]
        if file.opaque:
            parts.append(self._everything())
        return _digest(*parts)

    def _data(self, path: str) -> str:
        """Return what stands for a data file, a listed folder, or an environment variable."""
        if path.startswith("$"):
            if self._variable is None:
                raise Unknown(path)
            return self._variable(path[1:])
        if path.startswith("&"):
            return self._defaults(path[1:])
        path = path.removeprefix("?")
        if path.endswith("/"):
            return self._layout.listing(path)
        namesakes = self._layout.namesakes(path)
        return f"{_content(self._index.files.get(path))} {self._layout.listing(f'{path}/')} {namesakes}"

    def _defaults(self, path: str) -> str:
        file = self._index.files.get(path)
        print_ = None if file is None else file.fingerprint
        return (
            "" if print_ is None else " ".join(f"{name} {value}" for name, value in print_.defaults.items())
        )

    def _everything(self) -> str:
        if not self._project:
            files = self._index.files
            self._project = _digest(*(f"{path} {_content(files[path])}" for path in self._layout.paths))
        return self._project


class _Layout:
    """Which files there are (`paths`, sorted): what a new or deleted one changes."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = sorted(paths)
        self._paths = frozenset(self.paths)
        self._modules: defaultdict[str, list[str]] = defaultdict(list)
        self._names: defaultdict[str, list[str]] = defaultdict(list)
        self._children: defaultdict[str, set[str]] = defaultdict(set)
        for path in self.paths:
            folder, _, name = path.rpartition("/")
            if path.endswith(".py"):
                for module in module_names(path):
                    self._modules[module].append(path)
            else:
                self._names[name].append(path)
            child = path
            while child:
                folder, _, name = child.rpartition("/")
                self._children[f"{folder or '.'}/"].add(name)
                child = folder

    def exists(self, path: str) -> bool:
        return path in self._paths

    def providers(self, module: str) -> str:
        return " ".join(self._modules.get(module, ()))

    def namesakes(self, path: str) -> str:
        return " ".join(self._names.get(path.rpartition("/")[2], ()))

    def listing(self, folder: str) -> str:
        return "/".join(sorted(self._children.get(folder, ())))


def _configuring(test_file: str) -> Iterator[str]:
    """Yield the files that count for a test file by being there, in its folder and those above."""
    folder = test_file
    while folder:
        folder = folder.rpartition("/")[0]
        prefix = f"{folder}/" if folder else ""
        yield f"{prefix}conftest.py"
        yield f"{prefix}__init__.py"


def _blocks(file: File) -> Iterable[str]:
    return file.fingerprint.blocks if file.fingerprint is not None else ()


def _content(file: File | None) -> str:
    return file.fingerprint.digest if file is not None and file.fingerprint is not None else "gone"


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=_SIZE).hexdigest()
