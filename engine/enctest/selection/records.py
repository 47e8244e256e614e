"""The records that a run's worker sends of what its recorder tells."""

from __future__ import annotations

from collections.abc import Callable

from enctest.dependencies import BlocksDeclared, ModuleRecorded, TestRecorded
from enctest.events import Notice
from enctest.record import Record
from enctest.selection.telling import Functions, Needs


def declaration(run: int, functions: Functions) -> BlocksDeclared:
    """Return the record of a file's functions."""
    path, digest, first, names = functions
    return BlocksDeclared(run=run, path=path, digest=digest, first=first, names=names)


class Records:
    """A `telling.Teller`.

    Args:
        run: The number that records refer to; it may be another one after a fork.
        emit: Takes records, costs nothing.
    """

    def __init__(self, run: int, emit: Callable[[Record], None]) -> None:
        self.run = run
        self._emit = emit

    def functions(self, functions: Functions) -> None:
        """Send the numbers of a file's functions."""
        self._emit(declaration(self.run, functions))

    def module(self, needs: Needs) -> None:
        """Send what importing a file needed."""
        self._emit(
            ModuleRecorded(
                run=self.run,
                path=needs.name,
                imports=needs.imports,
                blocks=needs.blocks,
                files=needs.files,
                absent=needs.absent,
                opaque=needs.opaque,
            )
        )

    def test(self, needs: Needs) -> None:
        """Send what a test needed."""
        self._emit(
            TestRecorded(
                run=self.run,
                test=needs.name,
                roots=needs.imports,
                blocks=needs.blocks,
                files=needs.files,
                absent=needs.absent,
                opaque=needs.opaque,
            )
        )

    def broken(self, reason: str) -> None:
        """Say that no dependencies follow."""
        self._emit(Notice(message=f"dependencies are no longer recorded in this run: {reason}"))
