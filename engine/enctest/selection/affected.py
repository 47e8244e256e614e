"""The answer to a change: which tests, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from enctest.selection.changes import Delta, delta
from enctest.selection.fingerprint import Fingerprint
from enctest.selection.inverse import Inverse
from enctest.selection.rows import Affection, function_name

if TYPE_CHECKING:
    from enctest.selection.index import File

Path = tuple[str, ...]


class Graph:
    """Who imports whom, backwards, as of now."""

    def __init__(self, files: Mapping[str, File], homes: Mapping[int, tuple[File, str]]) -> None:
        self._importers: dict[str, list[str]] = {}
        for file in files.values():
            needed = file.imports | {homes[block][0].path for block in file.blocks if block in homes}
            for path in needed - {file.path}:
                self._importers.setdefault(path, []).append(file.path)

    def reach(self, seeds: Iterable[str]) -> dict[str, Path]:
        """Return the files that reach a seed, each with the shortest way to it: (itself, ..., seed)."""
        ways: dict[str, Path] = {seed: (seed,) for seed in seeds}
        frontier = list(ways)
        while frontier:
            following = []
            for path in frontier:
                for importer in self._importers.get(path, ()):
                    if importer not in ways:
                        ways[importer] = (importer, *ways[path])
                        following.append(importer)
            frontier = following
        return ways


class Answer:
    """One question to the index, answered step by step; the first reason found for a test stays."""

    def __init__(
        self,
        files: Mapping[str, File],
        homes: Mapping[int, tuple[File, str]],
        graph: Graph,
        inverse: Inverse,
    ) -> None:
        self._files = files
        self._homes = homes
        self._graph = graph
        self._inverse = inverse
        self.tests: dict[str, str] = {}

    def find(
        self,
        changes: Mapping[str, Fingerprint | None],
        known: Iterable[str],
        variables: Iterable[str] = (),
    ) -> Affection:
        """Return what changes of files and environment variables affect; `known` are all tests."""
        change = delta(self._files, changes, variables, self._graph.reach)
        ways = self._graph.reach(change.levels)
        if change.everything:
            self.tests = dict.fromkeys(known, change.everything)
        else:
            self._by_block(change)
            self._by_level(change, ways)
            self._by_name(change)
            self._by_data(change)
            self._by_process(change)
        for group in self._inverse.groups(self._mask(change.deleted)):
            if group.roots[0] in change.deleted:
                for test in group.tests:
                    self.tests.pop(test, None)
        return Affection(
            tests=self.tests, new_in=frozenset(self._new_in(change, ways)), everything=change.everything
        )

    def _add(self, tests: Iterable[str], reason: str) -> None:
        for test in tests:
            self.tests.setdefault(test, reason)

    def _by_block(self, change: Delta) -> None:
        mask = 0
        for block in change.blocks:
            mask |= 1 << self._homes[block][0].number
        for test, block in self._inverse.ran(change.blocks, mask):
            self.tests.setdefault(test, change.blocks[block])

    def _by_level(self, change: Delta, ways: Mapping[str, Path]) -> None:
        told: dict[Path, str] = {}  # by roots: one for all tests of a file
        numbers = {self._files[path].number: path for path in ways if path in self._files}
        for group in self._inverse.groups(self._mask(ways)):
            reason = told.get(group.roots)
            if reason is None:
                near = [ways[root] for root in group.roots if root in ways]  # the test's own file first
                if near:
                    reason = told[group.roots] = _told(change, near[0])
                else:
                    near = [ways[path] for number, path in numbers.items() if group.mask >> number & 1]
                    reason = _told(change, min(near, key=len))
            self._add(group.tests, reason)
        for folder, reason in change.folders.items():
            for group in self._inverse.groups():
                if not folder or group.roots[0].startswith(f"{folder}/"):
                    self._add(group.tests, reason)

    def _by_name(self, change: Delta) -> None:
        """A new test function takes the place of one that was inherited, imported or defined before it."""
        for (path, name), reason in change.tests.items():
            for group in self._inverse.groups(self._mask(self._graph.reach([path]))):
                self._add((test for test in group.tests if function_name(test) == name), reason)

    def _by_data(self, change: Delta) -> None:
        for path, reason in change.data.items():
            self._add(self._inverse.by_file.get(path, ()), f"{reason}, which it reads")
        for module, reason in change.modules.items():
            self._add(self._inverse.by_absent.get(module, ()), f"{reason}, which it looked for")
        if change.data_names:
            for path, tests in self._inverse.by_file.items():
                reason = change.data_names.get(path.rpartition("/")[2], "")
                if reason:
                    self._add(tests, f"{reason}, and it reads a file of that name")

    def _by_process(self, change: Delta) -> None:
        if change.reach_processes:
            self._add(self._inverse.opaque, "it starts a process, whose work is not recorded")

    def _mask(self, paths: Iterable[str]) -> int:
        mask = 0
        for path in paths:
            file = self._files.get(path)
            if file is not None:
                mask |= 1 << file.number
        return mask

    def _new_in(self, change: Delta, ways: Mapping[str, Path]) -> set[str]:
        """Return changed test files, those that reach new tests, and affected ones without tests."""
        found = set(change.test_files)
        found |= {path for path in self._graph.reach(change.grown) if self._is_test_file(path)}
        candidates = {path for path in ways if self._is_test_file(path)}
        for folder in change.folders:
            prefix = f"{folder}/" if folder else ""
            found |= {path for path in self._files if path.startswith(prefix) and self._is_test_file(path)}
        if candidates - found:
            found |= candidates - {group.roots[0] for group in self._inverse.groups()}
        return found - change.deleted

    def _is_test_file(self, path: str) -> bool:
        file = self._files.get(path)
        return file is not None and file.fingerprint is not None and file.fingerprint.tests


def _told(change: Delta, way: Path) -> str:
    reason = change.levels[way[-1]]
    if len(way) == 1:
        return reason
    via = f" via {', '.join(way[1:-1])}" if way[1:-1] else ""
    return f"{reason}, imported by {way[0]}{via}"
