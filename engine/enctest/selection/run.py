"""What the records of one process refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence


class Run:
    """One process of a run.

    Args:
        parent: What it was forked from: what that declared counts as well.

    Attributes:
        numbers: The index's number of each function, by the process's own.
        digests: The files that it imported, as it saw them.
    """

    def __init__(self, parent: Run | None = None) -> None:
        self.numbers: dict[int, int] = dict(parent.numbers) if parent else {}
        self.digests: dict[str, str] = dict(parent.digests) if parent else {}

    def blocks(self, numbers: Sequence[int]) -> Iterator[int]:
        """Translate the process's numbers to the index's; KeyError: it never declared one."""
        return map(self.numbers.__getitem__, numbers)

    def differing(self, digest: Callable[[str], str]) -> list[str]:
        """Return the files that it saw in another state than `digest` gives."""
        return [path for path, seen in self.digests.items() if seen != digest(path)]
