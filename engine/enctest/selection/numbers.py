"""What the numbers mean that a process gave to functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class Numbers:
    """What the records of one process refer to.

    Args:
        parent: Those of the process that it was forked from.
    """

    def __init__(self, parent: Numbers | None = None) -> None:
        self.numbers: dict[int, int] = dict(parent.numbers) if parent else {}
        self.digests: dict[str, str] = dict(parent.digests) if parent else {}

    def blocks(self, numbers: Sequence[int]) -> Iterator[int]:
        """Translate a worker's numbers to the index's."""
        return map(self.numbers.__getitem__, numbers)
