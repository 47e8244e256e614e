"""`enctest affected`: which tests changed files can affect; runs nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from enctest.errors import EnctestError
from enctest.explorer.offline import Offline
from enctest.paths import Project


def affected(paths: Sequence[str] | None, *, why: bool) -> int:
    """Print node ids, one a line; with `why`, each with the reason after a tab.

    Args:
        paths: Changed files; None means everything that differs from what the last recorded run saw.
        why: Say why.

    Raises:
        EnctestError: Nothing was recorded yet, or a path is outside the project.
    """
    project = Project.find()
    with contextlib.closing(Offline(project, [])) as offline:
        if not offline.book.tests:
            raise EnctestError(
                "no run is recorded here yet",
                "Run the tests once: enctest, or open enctest-tui.",
                exit_code=1,
            )
        effect = offline.effect_of(None if paths is None else [_absolute(path, project) for path in paths])
        tests = dict.fromkeys(offline.book.tests, "everything may be affected") if effect.everything else {}
        tests |= effect.tests
        if paths is None:
            for test in offline.book.outdated():
                tests.setdefault(test, "has not run since it was affected")
        for file in sorted(effect.new_in - {entry.file for entry in offline.book.tests.values()}):
            tests.setdefault(file, "new file")
        for test in tests:
            print(f"{test}\t{tests[test]}" if why else test)
    return 0


def _absolute(path: str, project: Project) -> Path:
    full = Path(path).absolute()
    if not full.is_relative_to(project.root):
        raise EnctestError(f"{path} is not in {project.root}")
    return full
