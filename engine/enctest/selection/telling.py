"""What a recorder tells: plain tuples, so that a process that is only passing by need not import msgspec."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from enctest.selection.owners import Owner


class Functions(NamedTuple):
    """Numbers for the functions of one project file, see `dependencies.BlocksDeclared`."""

    path: str
    digest: str
    first: int
    names: tuple[str, ...]


Tell = Callable[[Functions], None]
"""Tells somebody of the numbers."""


class Needs(NamedTuple):
    """What a module, a test or a process needed, see `dependencies.ModuleRecorded`.

    Attributes:
        name: The module's file, the test's node id, or empty for a process.
    """

    name: str
    imports: tuple[str, ...]
    blocks: tuple[int, ...]
    files: tuple[str, ...]
    absent: tuple[str, ...]
    opaque: bool

    @classmethod
    def of(cls, name: str, owner: Owner, files: Iterable[str], roots: tuple[str, ...] = ()) -> Needs:
        """Return what `owner` needed, `files` for its files, and `roots` before all that it imported."""
        return cls(
            name,
            tuple(dict.fromkeys([*roots, *sorted(owner.imports)])) if owner.imports else roots,
            tuple(owner.blocks),
            tuple(sorted(files)),
            tuple(sorted(owner.absent)),
            owner.opaque,
        )


class Teller(Protocol):
    """Who wants to know what was recorded."""

    def functions(self, functions: Functions) -> None:
        """Functions have numbers now, valid for all that follows."""

    def module(self, needs: Needs) -> None:
        """A module was imported, or more is known of it."""

    def test(self, needs: Needs) -> None:
        """A test, or this process, is over."""

    def broken(self, reason: str) -> None:
        """Nothing follows: the recorder failed."""
