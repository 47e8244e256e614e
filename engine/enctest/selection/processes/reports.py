"""What other processes report, in the terms of this one: its numbers for functions, its modules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from enctest.dependencies import BlocksDeclared, ModuleRecorded, TestRecorded
from enctest.selection.owners import Owner
from enctest.selection.processes.started import Child

Home = int | str
"""A function's number here, or the file that counts as a whole because its functions differ here."""


class Reports:
    """Reads the reports of processes that were started here.

    Args:
        module: Gives the owner of a file.
        number: Declares the functions of a file (path, digest, names); returns the first one's number.
        written: Files that this process wrote: who reads them depends on this process only.
    """

    def __init__(
        self,
        module: Callable[[str], Owner],
        number: Callable[[str, str, tuple[str, ...]], int],
        written: Collection[str],
    ) -> None:
        self._module = module
        self._number = number
        self._written = written
        self._declared: dict[str, BlocksDeclared] = {}

    def declared(self, record: BlocksDeclared) -> None:
        """Numbers were given out."""
        self._declared[record.path] = record

    def settle(self, owner: Owner) -> None:
        """Credit what an owner's processes did; one that has not ended well leaves it opaque."""
        for child in list(owner.children):
            if child.needs is None:
                self._read(child)
            if child.needs is None:
                owner.opaque = True
            else:
                owner.take(child.needs)

    def _read(self, child: Child) -> None:
        numbers: dict[int, Home] = {}
        for record in child.records() or ():
            if isinstance(record, BlocksDeclared):
                numbers |= self._adopt(record)
            elif isinstance(record, ModuleRecorded):
                self._module(record.path).take(self._needs(record, record.imports, numbers))
            elif isinstance(record, TestRecorded):
                child.needs = self._needs(record, record.roots, numbers)

    def _needs(
        self, record: ModuleRecorded | TestRecorded, imports: Iterable[str], numbers: dict[int, Home]
    ) -> Owner:
        needs = Owner()
        needs.imports.update(imports)
        needs.files.update(path for path in record.files if path not in self._written)
        needs.absent.update(record.absent)
        needs.opaque = record.opaque
        for home in map(numbers.__getitem__, record.blocks):
            if isinstance(home, str):
                needs.files.add(home)
            else:
                needs.blocks.add(home)
        return needs

    def _adopt(self, record: BlocksDeclared) -> dict[int, Home]:
        """Return what the numbers of a file's functions there mean here."""
        theirs = range(record.first, record.first + len(record.names))
        known = self._declared.get(record.path)
        if known is not None and known.digest != record.digest:
            # Two contents were seen in one run: it can be up to date with neither.
            self._number(record.path, "", known.names)
        elif known is None or known.names == record.names:
            first = (
                known.first if known is not None else self._number(record.path, record.digest, record.names)
            )
            return dict(zip(theirs, range(first, first + len(theirs)), strict=True))
        return dict.fromkeys(theirs, record.path)
