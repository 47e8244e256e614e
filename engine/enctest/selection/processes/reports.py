"""What other processes report, in the terms of this one: its numbers for functions, its modules."""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable, Collection, Iterable

from enctest.selection.environment import Passed
from enctest.selection.owners import Owner
from enctest.selection.processes.started import Child
from enctest.selection.telling import Functions, Needs

Report = tuple[list[Functions], list[Needs], Needs]
Home = int | str
"""A function's number here, or the file that counts as a whole because its functions differ here."""


class Reports:
    """Reads the reports of processes that were started here.

    Args:
        module: Gives the owner of a file.
        number: Declares the functions of a file (path, digest, names); returns the first one's number.
        written: Files that this process wrote: who reads them depends on this process only.
        variables: Given reads of variables and what a process was given, returns those that count here.
    """

    def __init__(
        self,
        module: Callable[[str], Owner],
        number: Callable[[str, str, tuple[str, ...]], int],
        written: Collection[str],
        variables: Callable[[Iterable[str], Passed], set[str]],
    ) -> None:
        self._module = module
        self._number = number
        self._written = written
        self._variables = variables
        self._declared: dict[str, Functions] = {}

    def declared(self, functions: Functions) -> None:
        """Numbers were given out."""
        self._declared[functions.path] = functions

    def settle(self, owner: Owner) -> None:
        """Credit what an owner's processes did; one that has not ended well leaves it opaque."""
        for child in list(owner.children):
            self.read(child)
            if child.needs is None:
                owner.opaque = True
            else:
                owner.take(child.needs)

    def read(self, child: Child) -> None:
        """Read what a process reports, unless that is done or it has not reported."""
        report = parse(child.report) if child.needs is None else None
        if report is None:
            return
        functions, modules, process = report
        numbers: dict[int, Home] = {}
        for one in functions:
            numbers |= self._adopt(one)
        for needs in modules:
            self._module(needs.name).take(self._here(needs, numbers, child.passed))
        child.needs = self._here(process, numbers, child.passed)

    def _here(self, needs: Needs, numbers: dict[int, Home], passed: Passed) -> Owner:
        owner = Owner()
        owner.imports.update(needs.imports)
        reads = {name for name in needs.files if name.startswith("$")}
        owner.files.update(path for path in needs.files if path not in self._written and path not in reads)
        owner.files |= self._variables(reads, passed)
        owner.absent.update(needs.absent)
        owner.opaque = needs.opaque
        for home in map(numbers.__getitem__, needs.blocks):
            if isinstance(home, str):
                owner.files.add(home)
            else:
                owner.blocks.add(home)
        return owner

    def _adopt(self, theirs: Functions) -> dict[int, Home]:
        """Return what the numbers of a file's functions there mean here."""
        numbers = range(theirs.first, theirs.first + len(theirs.names))
        known = self._declared.get(theirs.path)
        if known is not None and known.digest != theirs.digest:
            # Two contents were seen in one run: it can be up to date with neither.
            self._number(theirs.path, "", known.names)
        elif known is None or known.names == theirs.names:
            first = (
                known.first if known is not None else self._number(theirs.path, theirs.digest, theirs.names)
            )
            return dict(zip(numbers, range(first, first + len(numbers)), strict=True))
        return dict.fromkeys(numbers, theirs.path)


def parse(path: str) -> Report | None:
    """Read a report, once: marshalled tuples, or, after an empty line, what was done far from the project.

    None if the process has not ended, or has ended in a way that left it no time to report.
    """
    try:
        with open(path, "rb", buffering=0) as stream:
            data = stream.readall()
        os.unlink(path)
    except OSError:
        return None
    if data.startswith(b"\n"):
        names = data[1:].decode("utf-8", "surrogateescape").split("\n")
        read = tuple(sorted({name for name in names if name.startswith("$")}))
        absent = tuple(name for name in names if name and name not in read)
        return [], [], Needs("", (), (), read, absent, opaque=False)
    if not data:
        return None
    functions, modules, process = marshal.loads(data)  # noqa: S302 - by our own code, in a private folder
    return [Functions(*one) for one in functions], [Needs(*one) for one in modules], Needs(*process)
