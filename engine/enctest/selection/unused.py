"""Whether anybody could notice that a plain function came or went, or a private constant changed."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from enctest.selection.fingerprint import Fingerprint
from enctest.selection.mentions import keys_of, mentions

if TYPE_CHECKING:
    from enctest.selection.index import File


class Project:
    """All files of a project, before and after a change.

    Args:
        files: What is remembered of them.
        changes: New fingerprints of changed files, None for deleted ones.
        reach: Gives the files that import any of some files, themselves included.
    """

    def __init__(
        self,
        files: Mapping[str, File],
        changes: Mapping[str, Fingerprint | None],
        reach: Callable[[Iterable[str]], Container[str]],
    ) -> None:
        self.files = files
        self._changes = changes
        self._reach = reach

    def uses(self, path: str, names: Iterable[str], without: Fingerprint | None) -> bool:
        """Tell whether any file may find one of the functions or constants `names` of `path`.

        Args:
            path: Their file.
            names: Plain functions that are new, or gone; private constants that changed.
            without: The file's fingerprint without them; None if only other files count.
        """
        keys = [key for name in names for key in keys_of(name.partition("#")[0])]
        near = self._reach([path])
        return any(
            mentions(print_.words, keys)
            or (print_.reflects == "any" and (not print_.tests or other in near))
            or (print_.reflects == "own" and other in near)
            for other, print_ in self._prints(path, without)
        )

    def _prints(self, path: str, without: Fingerprint | None) -> Iterator[tuple[str, Fingerprint]]:
        if without is not None:
            yield path, without
        for other, file in self.files.items():
            if other != path and file.fingerprint is not None:
                yield other, file.fingerprint
        for other, print_ in self._changes.items():
            if other != path and print_ is not None:
                yield other, print_
