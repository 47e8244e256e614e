"""What files said before: so that a file that goes back to it is known again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from enctest.selection.fingerprint import Fingerprint
from enctest.selection.rows import FileRow, FormerRow

_KEPT = 8
"""States of one file."""


class Former:
    """The last few states of every file that has changed."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[FileRow, ...]] = {}
        self._changed: set[str] = set()

    def restore(self, rows: Iterable[FormerRow]) -> None:
        """Take up what was stored."""
        self._files = {row.path: row.states for row in rows}

    def leave(self, row: FileRow) -> None:
        """Keep the state that a file is about to leave."""
        others = [state for state in self._files.get(row.path, ()) if state.fingerprint != row.fingerprint]
        self._files[row.path] = (row, *others)[:_KEPT]
        self._changed.add(row.path)

    def of(self, path: str, fingerprint: Fingerprint) -> FileRow | None:
        """Return the state in which the file said the same, at least on its module level."""
        states = self._files.get(path, ())
        for state in states:
            if state.fingerprint == fingerprint:
                return state
        level = fingerprint.without_bodies()
        for state in states:
            if state.fingerprint is not None and state.fingerprint.without_bodies() == level:
                return state
        return None

    def returns(self, changes: Mapping[str, tuple[Fingerprint | None, Fingerprint | None]]) -> bool:
        """Tell whether any part of any file goes back to what it was before.

        Args:
            changes: Path to the fingerprints before and after; None where there is no file.
        """
        return any(self._returns(path, *change) for path, change in changes.items())

    def _returns(self, path: str, old: Fingerprint | None, new: Fingerprint | None) -> bool:
        states = [state.fingerprint for state in self._files.get(path, ())]
        if old is None or new is None:
            return new is None or bool(states)
        changed = {name for name, body in new.blocks.items() if old.blocks.get(name) != body}
        for state in states:
            if state is None:
                continue
            if old.without_bodies() != new.without_bodies() == state.without_bodies():
                return True
            if any(state.blocks.get(name) == new.blocks[name] for name in changed):
                return True
            if any(name not in state.blocks for name in old.blocks.keys() - new.blocks.keys()):
                return True
        return False

    def changed_rows(self) -> tuple[FormerRow, ...]:
        """Return what has to be stored since the last call."""
        changed, self._changed = self._changed, set()
        return tuple(FormerRow(path=path, states=self._files[path]) for path in changed)
