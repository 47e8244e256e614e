"""The index read backwards: from functions, files and names to the tests that need them, kept up to date."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator

from enctest.selection.rows import TestRow


class Group:
    """Tests that need the same files.

    Attributes:
        roots: As in `TestRow`.
        mask: Bit n is set where file number n is needed.
        tests: Their node ids.
    """

    __slots__ = ("mask", "roots", "tests")

    def __init__(self, roots: tuple[str, ...], needs: bytes) -> None:
        self.roots = roots
        self.mask = _mask(needs)
        self.tests: set[str] = set()


class Inverse:
    """Answers who needs what; functions that a test no longer runs are left out when asked, not before."""

    def __init__(self, rows: Iterable[TestRow]) -> None:
        self.opaque: set[str] = set()
        self.by_file: defaultdict[str, set[str]] = defaultdict(set)
        self.by_absent: defaultdict[str, set[str]] = defaultdict(set)
        self._groups: dict[tuple[tuple[str, ...], bytes], Group] = {}
        self._numbers: dict[str, int] = {}
        self._rows: list[TestRow | None] = []
        self._by_block: defaultdict[int, array[int]] = defaultdict(lambda: array("I"))
        self._lost: set[int] = set()
        for row in rows:
            self.put(row)

    def put(self, row: TestRow) -> None:
        """Add a test, or exchange it."""
        number = self._numbers.setdefault(row.test, len(self._rows))
        if number == len(self._rows):
            self._rows.append(None)
        old = self._rows[number]
        self._drop_keys(old)
        self._rows[number] = row
        for path in row.files:
            self.by_file[path].add(row.test)
        for name in row.absent:
            self.by_absent[name].add(row.test)
        if row.opaque:
            self.opaque.add(row.test)
        key = row.roots, row.needs
        if key not in self._groups:
            self._groups[key] = Group(*key)
        self._groups[key].tests.add(row.test)
        self._put_blocks(number, row, old)

    def _put_blocks(self, number: int, row: TestRow, old: TestRow | None) -> None:
        if old is None:
            by_block = self._by_block
            for block in _numbers(row.blocks):
                by_block[block].append(number)
        elif old.blocks != row.blocks:
            before, now = set(_numbers(old.blocks)), set(_numbers(row.blocks))
            for block in now - before:
                self._by_block[block].append(number)
            self._lost |= before - now

    def remove(self, row: TestRow) -> None:
        """Take a test out."""
        number = self._numbers.get(row.test)
        if number is not None:
            self._drop_keys(self._rows[number])
            self._rows[number] = None
            self._lost.update(_numbers(row.blocks))
            del self._numbers[row.test]

    def groups(self, mask: int) -> Iterator[Group]:
        """Yield the groups that need any of the files in `mask`."""
        return (group for group in self._groups.values() if group.mask & mask and group.tests)

    def ran(self, block: int) -> Iterator[str]:
        """Yield the tests in which a function ran."""
        doubtful = block in self._lost
        for number in self._by_block.get(block, ()):
            row = self._rows[number]
            if row is not None and (not doubtful or block in _numbers(row.blocks)):
                yield row.test

    def _drop_keys(self, row: TestRow | None) -> None:
        if row is None:
            return
        for path in row.files:
            self.by_file[path].discard(row.test)
        for name in row.absent:
            self.by_absent[name].discard(row.test)
        self.opaque.discard(row.test)
        self._groups[row.roots, row.needs].tests.discard(row.test)


def _mask(needs: bytes) -> int:
    numbers = _numbers(needs)
    bits = bytearray(max(numbers, default=0) // 8 + 1)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def _numbers(data: bytes) -> array[int]:
    return array("I", data)
