"""The index read backwards: from functions, files and names to the tests that need them, kept up to date."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from enctest.selection.rows import TestRow


class Group:
    """Tests that need the same files.

    Attributes:
        roots, needs: As in `TestRow`.
        mask: Bit n is set where file number n is needed.
        tests: Their node ids.
    """

    __slots__ = ("mask", "needs", "roots", "tests")

    def __init__(self, roots: tuple[str, ...], needs: bytes) -> None:
        self.roots = roots
        self.needs = needs
        self.mask = _mask(needs)
        self.tests: set[str] = set()


class Inverse:
    """Answers who needs what.

    Functions are looked for in the rows of the tests that need their files: ten milliseconds among 50,000
    tests, and no list per function to be made at every start and kept up to date.

    Args:
        rows: All tests by node id; the same mapping is read again for each question about functions.
    """

    def __init__(self, rows: Mapping[str, TestRow]) -> None:
        self.opaque: set[str] = set()
        self.by_file: defaultdict[str, set[str]] = defaultdict(set)
        self.by_absent: defaultdict[str, set[str]] = defaultdict(set)
        self._groups: dict[tuple[tuple[str, ...], bytes], Group] = {}
        self._rows = rows
        for row in rows.values():
            self.put(row)

    def put(self, row: TestRow, old: TestRow | None = None) -> None:
        """Add a test, in the place of what was known of it."""
        if old is not None:
            self.remove(old)
        for path in row.files:
            self.by_file[path].add(row.test)
        for name in row.absent:
            self.by_absent[name].add(row.test)
        if row.opaque:
            self.opaque.add(row.test)
        key = row.roots, row.needs
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(*key)
        group.tests.add(row.test)

    def remove(self, row: TestRow) -> None:
        """Take a test out."""
        for path in row.files:
            self.by_file[path].discard(row.test)
        for name in row.absent:
            self.by_absent[name].discard(row.test)
        self.opaque.discard(row.test)
        key = row.roots, row.needs
        group = self._groups[key]
        group.tests.discard(row.test)
        if not group.tests:
            del self._groups[key]

    def groups(self, mask: int = -1) -> Iterator[Group]:
        """Yield the groups that need any of the files in `mask`."""
        if mask:
            yield from [group for group in self._groups.values() if group.mask & mask]

    def ran(self, blocks: Collection[int], mask: int) -> Iterator[tuple[str, int]]:
        """Yield the tests in which any of these functions ran, each with the first that did.

        Args:
            blocks: Numbers of functions.
            mask: The files they are in: bit n is set for file number n.
        """
        wanted = frozenset(blocks)
        for group in self.groups(mask):
            for test in group.tests:
                numbers = _numbers(self._rows[test].blocks)
                if not wanted.isdisjoint(numbers):
                    found = wanted.intersection(numbers)
                    yield test, next(block for block in blocks if block in found)


def _mask(needs: bytes) -> int:
    numbers = _numbers(needs)
    bits = bytearray(max(numbers, default=0) // 8 + 1)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def _numbers(data: bytes) -> array[int]:
    return array("I", data)
