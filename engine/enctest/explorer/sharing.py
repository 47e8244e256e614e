"""Fixtures that several tests share: what one queried when it was made counts for all tests that use it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from enctest.explorer.book import file_of
from enctest.selection.index import DependencyIndex
from enctest.selection.rows import TestRow
from enctest.tracing.model import SHARED, Node


def around(node: Node | None, test: str) -> Iterator[str]:
    """Yield the fixtures wider than a test whose set-up a span of that test is in, as `PATH::NAME`."""
    while node is not None:
        if node.attributes.get(SHARED):
            path = str(node.attributes.get("code.file.path", ""))
            # That of `setup_module` and the like is pytest's: the function itself is in the test's file.
            place = file_of(test) if path.startswith("/") or not path else path
            yield f"{place}::{node.name.removesuffix(' teardown')}"
        node = node.parent


class Sharing:
    """Who uses which fixture, by the functions that ran.

    Args:
        index: What tests need.
    """

    def __init__(self, index: DependencyIndex) -> None:
        self._index = index

    def users(self, fixture: str) -> set[str]:
        """Return the tests that use a fixture; those that ran in its file if its function is not found."""
        path, _, _ = fixture.partition("::")
        file = self._index.files.get(path)
        if file is None:
            return set()
        inverse, numbers = self._index.prepare(), self._blocks(fixture)
        if numbers:
            return {test for test, _ in inverse.ran(sorted(numbers), 1 << file.number)}
        return {test for group in inverse.groups(1 << file.number) for test in group.tests}

    def used(self, row: TestRow, fixtures: Iterable[str]) -> list[str]:
        """Return those among `fixtures` that a test uses."""
        wanted = {fixture: self._blocks(fixture) for fixture in fixtures}
        if not wanted:
            return []
        ran, needs = frozenset(array("I", row.blocks)), frozenset(array("I", row.needs))
        return [
            fixture
            for fixture, numbers in wanted.items()
            if (not ran.isdisjoint(numbers) if numbers else self._file(fixture) in needs)
        ]

    def _blocks(self, fixture: str) -> frozenset[int]:
        """Return the numbers of the functions of that name; none when it is named otherwise."""
        path, _, name = fixture.partition("::")
        file = self._index.files.get(path)
        names = file.names.items() if file else ()
        return frozenset(number for function, number in names if function.rpartition(".")[2] == name)

    def _file(self, fixture: str) -> int:
        file = self._index.files.get(fixture.partition("::")[0])
        return file.number if file else -1
