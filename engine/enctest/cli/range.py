"""`enctest --affected[=REV]`: which known tests a run can leave out."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

from enctest.errors import EnctestError
from enctest.explorer.offline import Offline
from enctest.paths import Project
from enctest.session.leaving_out import LeftOut

OPTION = "--affected"


def take(args: list[str]) -> str | None:
    """Take `--affected` or `--affected=REV` out of the arguments; None when it is not there."""
    found = None
    for arg in [arg for arg in args if arg == OPTION or arg.startswith(f"{OPTION}=")]:
        args.remove(arg)
        found = arg.partition("=")[2]
    return found


def choose(project: Project, revision: str) -> LeftOut:
    """Say which tests neither a change since they ran, nor one since a git revision, can affect.

    Tests that failed last, and those of which nothing is known, are never left out.

    Args:
        project: The project.
        revision: What git calls a commit; empty asks for changes since the tests ran alone.

    Raises:
        EnctestError: Git does not know the revision, or there is no git.
    """
    former = _former_contents(project.root, revision) if revision else {}
    with contextlib.closing(Offline(project, [])) as offline:
        book, selector = offline.book, offline.selector
        known = set(book.tests)
        since = selector.since(former)
        now = offline.effect_of(None)
        everything = now.everything or since.everything
        if not known or everything:
            why = everything if known else "nothing is recorded yet"
            return LeftOut(frozenset(), f"enctest: all tests run: {why}")
        affected = {*now.tests, *since.tests, *book.outdated(), *book.failed(), *selector.unrecorded(known)}
    span = f" since {revision}" if revision else ""
    count = len(affected & known)
    return LeftOut(frozenset(known - affected), f"enctest: {count} of {len(known)} tests are affected{span}")


def _former_contents(root: Path, revision: str) -> dict[str, bytes | None]:
    """Return what files that are different now were where the history of `revision` left ours."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not commit:
        raise EnctestError(f"git knows no revision {revision!r} in {root}", "For example: --affected=main")
    base = (_git(root, "merge-base", commit.decode().strip(), "HEAD") or commit).decode().strip()
    listed = _git(root, "diff", "--name-only", "-z", "--no-renames", "--relative", base, "--")
    listed += _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    prefix = _git(root, "rev-parse", "--show-prefix").decode().strip()
    paths = sorted(
        {path for path in listed.decode("utf-8", "surrogateescape").split("\0") if path and "\n" not in path}
    )
    return dict(zip(paths, _blobs(root, (f"{base}:{prefix}{path}" for path in paths)), strict=True))


def _blobs(root: Path, names: Iterable[str]) -> list[bytes | None]:
    """Return the contents that git has under these names, None where it has none."""
    asked = list(names)
    answer = _git(
        root, "cat-file", "--batch", given="\n".join(asked).encode("utf-8", "surrogateescape") + b"\n"
    )
    found: list[bytes | None] = []
    for _ in asked:
        head, _, answer = answer.partition(b"\n")
        fields = head.rsplit(b" ", 2)
        if fields[-1] == b"missing" or len(fields) < 3 or not fields[-1].isdigit():  # noqa: PLR2004 - name, kind, size
            found.append(None)
            continue
        size = int(fields[-1])
        found.append(answer[:size])
        answer = answer[size + 1 :]
    return found


def _git(root: Path, *words: str, given: bytes = b"") -> bytes:
    """Return what git prints; nothing where it fails."""
    try:
        done = subprocess.run(["git", *words], cwd=root, input=given, capture_output=True, check=False)
    except OSError as error:
        raise EnctestError(
            f"git cannot be started: {error.strerror}", "--affected alone needs no git."
        ) from error
    return done.stdout if done.returncode == 0 else b""
