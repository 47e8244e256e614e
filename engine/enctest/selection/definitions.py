"""The functions by their places, and what was asked for in them that whoever runs one later needs as well."""

from __future__ import annotations

from collections.abc import Iterator

from enctest.selection.imports import Place
from enctest.selection.owners import Owner
from enctest.selection.probe import Section


class Definitions:
    """Knows the numbers of functions by where they stand.

    A function that imports a module may find it imported, or keep it, the next time: so what it asked for
    once is needed by all who run it, and so is what its import statements name.
    """

    def __init__(self) -> None:
        self._late: dict[str, tuple[tuple[int, tuple[str, ...]], ...]] = {}
        self._places: dict[tuple[str, int], tuple[int, str]] = {}
        self._needs: dict[int, Owner] = {}

    def add(self, section: Section) -> None:
        """Take the functions of one more file."""
        layout = section.layout
        self._late[section.path] = tuple((section.first + index, names) for index, names in layout.late)
        for index, (name, line) in enumerate(zip(layout.names, layout.lines, strict=True)):
            plain = name.rpartition(".")[2].partition("#")[0]
            self._places[section.path, line] = section.first + index, plain

    def succeed(self, old: Section, new: Section) -> None:
        """Take a file's functions in another state, after `add`: what was asked for in one still is."""
        former = range(old.first, old.first + len(old.layout.names))
        for line in old.layout.lines:
            number, _ = self._places.get((old.path, line), (-1, ""))
            if number in former:  # no function of now begins there
                del self._places[old.path, line]
        numbers = {name: new.first + index for index, name in enumerate(new.layout.names)}
        for index, name in enumerate(old.layout.names):
            owner = self._needs.get(old.first + index)
            if owner is not None and name in numbers:
                self._needs[numbers[name]] = owner

    def at(self, path: str, line: int) -> int | None:
        """Return the number of the function that begins (with its decorators) at a line."""
        return self._places.get((path, line), (None, ""))[0]

    def owner(self, place: Place) -> Owner | None:
        """Return who owns what the function at `place` asks for; None where no function is known there."""
        number, name = self._places.get((place.path, place.line), (None, ""))
        if number is None or name != place.name:  # a lambda's, say, which begins at the same line
            return None
        return self._needs.setdefault(number, Owner())

    def late_imports(self, path: str) -> Iterator[tuple[Owner, tuple[str, ...]]]:
        """Yield the functions of a file that import modules, with the names of those as written."""
        for number, names in self._late.get(path, ()):
            yield self._needs.setdefault(number, Owner()), names

    def complete(self, owner: Owner) -> None:
        """Give `owner` what the functions that it ran have asked for, in their time."""
        for number in self._needs.keys() & owner.blocks:
            owner.take(self._needs[number])
