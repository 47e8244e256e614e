"""Who is to blame for what happens now: the session, a module, a fixture, a cached call or a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from enctest.selection.probe import Board

if TYPE_CHECKING:
    from enctest.selection.processes.started import Child


class Owner:
    """What has happened on behalf of one thing.

    Attributes:
        path: The file, if this is a module; relative to the root.
        blocks: Numbers of functions that ran.
        imports: Project files that were imported first on its behalf, or by a computed name.
        files: Data files and the like, spelled as in `dependencies.ModuleRecorded`.
        absent: Module names that were looked for in vain.
        opaque: Another process was started, whose work was not seen.
        uses: Fixtures of wider scope that this one asked for.
        children: Processes that were started on its behalf and are to report.
    """

    __slots__ = ("absent", "blocks", "children", "files", "imports", "opaque", "path", "uses")

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.blocks: set[int] = set()
        self.imports: set[str] = set()
        self.files: set[str] = set()
        self.absent: set[str] = set()
        self.opaque = False
        self.uses: set[Owner] = set()
        self.children: set[Child] = set()

    def take(self, other: Owner) -> None:
        """Add everything that another owner has."""
        self.blocks |= other.blocks
        if other.imports:
            self.imports |= other.imports
        if other.files:
            self.files |= other.files
        if other.absent:
            self.absent |= other.absent
        self.opaque |= other.opaque
        self.children |= other.children

    def extent(self) -> tuple[int, ...]:
        """Say how much there is; it only grows."""
        return len(self.blocks), len(self.imports), len(self.files), len(self.absent), self.opaque


def closure(fixtures: Iterable[Owner]) -> set[Owner]:
    """Return fixtures and all that they use."""
    found: set[Owner] = set()
    pending = list(fixtures)
    while pending:
        owner = pending.pop()
        if owner not in found:
            found.add(owner)
            pending.extend(owner.uses)
    return found


class Ledger:
    """The stack of owners, and the board with what was not credited yet.

    Imports and cached calls of other threads stand beside the stack: while one is at work, what happens
    is credited both to it and to the top of the stack.
    """

    def __init__(self) -> None:
        self.session = Owner()
        self._stack = [self.session]
        self._beside: list[Owner] = []
        self.board = Board()

    @property
    def current(self) -> Owner:
        """The owner at the top of the stack."""
        return self._stack[-1]

    @property
    def depth(self) -> int:
        """How many owners there are above the session."""
        return len(self._stack) - 1

    @property
    def all_current(self) -> list[Owner]:
        """All owners of what happens now."""
        return [self._stack[-1], *self._beside]

    def push(self, owner: Owner, *, beside: bool = False) -> None:
        """Let `owner` own what happens from now on."""
        self.settle()
        (self._beside if beside else self._stack).append(owner)

    def pop(self, owner: Owner) -> None:
        """End `owner`'s time, and that of what was pushed after it and never popped."""
        self.settle()
        if owner in self._beside:
            self._beside.remove(owner)
            return
        for index in range(len(self._stack) - 1, 0, -1):
            if self._stack[index] is owner:
                del self._stack[index:]
                return

    def settle(self) -> None:
        """Credit the functions that were entered since the last time."""
        found = self.board.take()
        if found:
            self._stack[-1].blocks.update(found)
            for owner in self._beside:
                owner.blocks.update(found)
