"""Are all tests selected that a real commit makes end differently? Replays commits of projects with history.

    git clone https://github.com/pallets/click
    python -m tests.benchmarks.commits [--count N] [--no-peer] [--cache FOLDER] click=click [NAME=CLONE ...]

NAME is a suite of `suites.py`, whose environment is used; the commits are the last ones before its release
that touch its sources or tests. For each, enctest records a run at the commit's parent; then the commit is
applied: enctest says which tests are affected, and full runs of plain pytest at both show which tests end
differently or are new. Those have to be affected. The same with pytest-testmon, unless `--no-peer`. Printed
is also which share of the suite is selected by commits that change no outcome. Exits with 1 if enctest missed
a test.
"""

from __future__ import annotations

import argparse
import io
import shutil
import statistics
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.selecting import (
    Enctest,
    Selected,
    Testmon,
    differing,
    run_plainly,
    with_testmon,
)
from tests.benchmarks.suites import SUITES, Prepared, Suite, prepare

from enctest.errors import EnctestError
from enctest.paths import cache_folder

_TIMEOUT = 300.0


@dataclass(frozen=True)
class Change:
    """What a commit does to one file; `content` is None where it deletes it."""

    path: str
    content: bytes | None

    def apply(self, root: Path) -> None:
        """Write or delete the file."""
        file = root / self.path
        if self.content is None:
            file.unlink(missing_ok=True)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.content)


class Clone:
    """A git repository.

    Args:
        folder: A work tree, or a bare repository.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def commits(self, release: str, count: int) -> list[str]:
        """Return the newest `count` commits up to `release` that touch sources or tests, the oldest first.

        Raises:
            EnctestError: This is no repository, or there is no such release.
        """
        found = self._git("rev-list", "--no-merges", f"--max-count={count}", release, "--", "src", "tests")
        return found.decode().split()[::-1]

    def parent(self, commit: str) -> str:
        """Return a commit's (first) parent."""
        return self._git("rev-parse", f"{commit}^").decode().strip()

    def changes(self, commit: str) -> list[Change]:
        """Return what a commit changes against its (first) parent."""
        names = self._git("diff", "--name-only", "--no-renames", "-z", f"{commit}^", commit).split(b"\0")
        there = set(self._git("ls-tree", "-r", "--name-only", "-z", commit).split(b"\0"))
        return [
            Change(name.decode(), self._git("show", f"{commit}:{name.decode()}") if name in there else None)
            for name in names
            if name
        ]

    def export(self, revision: str, root: Path) -> None:
        """Write the files of a revision to `root`, anew."""
        shutil.rmtree(root, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(self._git("archive", "--format=tar", revision))) as tar:
            tar.extractall(root, filter="data")

    def _git(self, *words: str) -> bytes:
        done = subprocess.run(["git", "-C", str(self._folder), *words], capture_output=True, check=False)
        if done.returncode:
            raise EnctestError(f"git {words[0]} failed in {self._folder}", done.stderr.decode().strip())
        return done.stdout


@dataclass
class Account:
    """What came of all commits of a project, for enctest or its peer.

    Attributes:
        missed: Tests that end differently and were not selected.
        idle: Shares of the suite that were selected by commits that change no outcome.
        busy: The same for the other commits.
    """

    missed: list[str] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def take(self, commit: str, selected: Selected, differs: set[str]) -> None:
        """Add one commit."""
        self.missed += [f"{commit[:10]} {test}" for test in sorted(differs) if not selected.covers(test)]
        share = selected.count / max(1, len(selected.known))
        (self.busy if differs else self.idle).append(share)


class Replay:
    """Commits of one project, in turn.

    Args:
        suite: The project.
        clone: Its history.
        cache: A folder for environments and copies.
        peer: Ask testmon as well.
    """

    def __init__(self, suite: Suite, clone: Clone, cache: Path, *, peer: bool) -> None:
        self._clone = clone
        self._folder = cache / "commits" / suite.name
        self._prepared = prepare(suite, cache)
        self._peer = with_testmon(suite, cache) if peer else None
        self.enctest, self.testmon = Account(), Account()
        self.replayed = 0
        self._outcomes: dict[str, dict[str, str]] = {}

    def commit(self, commit: str) -> None:
        """Replay one; a parent whose tests cannot be run in this environment is left out."""
        plain = self._at(self._prepared, f"{commit}^", "plain")
        parent = self._clone.parent(commit)
        before = self._outcomes.get(parent) or run_plainly(plain, timeout=_TIMEOUT).outcomes
        if not before:
            return
        enctest = Enctest(self._at(self._prepared, f"{commit}^", "recorded"))
        testmon = Testmon(self._at(self._peer, f"{commit}^", "testmon")) if self._peer is not None else None
        for change in self._clone.changes(commit):
            for folder in ("plain", "recorded", "testmon"):
                change.apply(self._folder / folder)
        after = run_plainly(plain, timeout=_TIMEOUT).outcomes
        self._outcomes = {commit: after}
        differs = differing(before, after, gone=False)
        if differs:  # unless the test is of two minds
            again = run_plainly(plain, timeout=_TIMEOUT).outcomes
            differs -= differing(after, again, gone=True)
        self.replayed += 1
        self.enctest.take(commit, enctest.ask_all(), differs)
        if testmon is not None:
            self.testmon.take(commit, testmon.ask(), differs)

    def _at(self, prepared: Prepared, revision: str, name: str) -> Prepared:
        root = self._folder / name
        self._clone.export(revision, root)
        return prepared.elsewhere(root)


def examine(replay: Replay, name: str, commits: list[str]) -> int:
    """Replay commits and print what came of them; return how many tests enctest missed."""
    for commit in commits:
        replay.commit(commit)
    changing = len(replay.enctest.busy)
    print(f"{name:14} {replay.replayed} commits of {len(commits)}; {changing} change outcomes")
    for who, account in (("enctest", replay.enctest), ("testmon", replay.testmon)):
        if account.idle or account.busy:
            print(
                f"{name:14} {who:8} selects {_mean(account.idle)} of the suite where no outcome changes,"
                f" {_mean(account.busy)} elsewhere; misses {len(account.missed)}",
                flush=True,
            )
    for missed in replay.enctest.missed:
        print(f"  missed: {missed}")
    return len(replay.enctest.missed)


def _mean(shares: list[float]) -> str:
    return f"{statistics.mean(shares):.0%} (median {statistics.median(shares):.0%})" if shares else "-"


def parse(project: str) -> tuple[Suite, Clone]:
    """Return what `NAME=CLONE` means.

    Raises:
        EnctestError: It means nothing.
    """
    name, _, place = project.partition("=")
    if name not in SUITES or not place:
        raise EnctestError(f"{project} names no suite and clone", f"Suites are {', '.join(SUITES)}.")
    return SUITES[name], Clone(Path(place))


def main() -> int:
    """Replay commits of the given projects."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.commits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("projects", nargs="+", metavar="NAME=CLONE", help=f"NAME of {', '.join(SUITES)}")
    parser.add_argument("--count", type=int, default=20, help="commits per project (20)")
    parser.add_argument("--no-peer", action="store_true", help="leave testmon out")
    parser.add_argument("--cache", type=Path, default=None, help="folder to prepare them in")
    options = parser.parse_args()
    cache = (options.cache or cache_folder() / "suites").resolve()
    missed = 0
    try:
        for project in options.projects:
            suite, clone = parse(project)
            commits = clone.commits(suite.version, options.count)
            missed += examine(Replay(suite, clone, cache, peer=not options.no_peer), suite.name, commits)
    except (EnctestError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
