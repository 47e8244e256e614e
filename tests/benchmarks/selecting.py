"""Which tests a change affects: as enctest says, as pytest-testmon says, and as two full runs show."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.outcomes import Result, environment, run
from tests.benchmarks.suites import Prepared, Suite, prepare

from enctest.errors import EnctestError
from enctest.explorer.effect import Effect
from enctest.explorer.offline import Offline
from enctest.paths import Project

PEER = "pytest-testmon==2.2.0"
_PLAIN = ("-p", "no:enctest", "-p", "no:randomly")
_TESTMON_DATA = ".testmondata*"
_MEMORY = 'ulimit -v 4000000; exec "$@"'
"""A change can make a program that fills the memory; it is to fail alone."""


@dataclass(frozen=True)
class Selected:
    """What is to run after a change.

    Attributes:
        tests: Node ids of known tests.
        files: Files of which new tests run as well.
        everything: All tests run.
        known: All tests there were.
    """

    tests: frozenset[str]
    files: frozenset[str] = frozenset()
    everything: bool = False
    known: frozenset[str] = frozenset()

    def covers(self, test: str) -> bool:
        """Tell whether a test would run; `test` is a file where that could not be collected."""
        if self.everything or test in self.tests:
            return True
        path = test.partition("::")[0]
        if test in self.known:
            return False
        return path in self.files or any(each.startswith(f"{test}::") for each in self.tests)

    @property
    def count(self) -> int:
        """How many known tests would run."""
        return len(self.known) if self.everything else len(self.tests & self.known)


class Enctest:
    """A project that enctest has run once.

    Args:
        prepared: The project; its history is made anew.

    Raises:
        EnctestError: It ran no tests.
    """

    def __init__(self, prepared: Prepared) -> None:
        shutil.rmtree(prepared.root / ".enctest", ignore_errors=True)
        self.result = run(prepared, [str(prepared.bin / "enctest"), "-p", "no:randomly"])
        self._prepared = prepared
        self._project = Project.find(prepared.root)
        with contextlib.closing(Offline(self._project, [])) as offline:
            self.known = frozenset(offline.book.tests)
        if not self.known:
            raise EnctestError(f"enctest recorded nothing in {prepared.root}", self.result.output[-2000:])

    def ask(self, paths: Iterable[str]) -> Selected:
        """Return what a change of these files affects, as they are now; nothing is remembered of it."""
        with contextlib.closing(Offline(self._project, [])) as offline:
            return self._selected(offline.effect_of([self._project.root / path for path in paths]))

    def ask_all(self) -> Selected:
        """Return what all that has changed since the run affects."""
        with self._environment(), contextlib.closing(Offline(self._project, [])) as offline:
            return self._selected(offline.effect_of(None))

    @contextlib.contextmanager
    def _environment(self) -> Iterator[None]:
        """Have the variables of the run: another value would be a change."""
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(environment(self._prepared, self._prepared.root / "log"))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _selected(self, effect: Effect) -> Selected:
        return Selected(frozenset(effect.tests), effect.new_in, bool(effect.everything), self.known)


class Testmon:
    """A project that pytest-testmon has run once.

    Args:
        prepared: The project, with testmon in its environment; what testmon knew of it is forgotten.

    Raises:
        EnctestError: It would run everything again.
    """

    __test__ = False

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._forget()
        self.result = run(prepared, [*_pytest(prepared), "--testmon"])
        self.known = frozenset(self.result.outcomes)
        self._kept = {path: path.read_bytes() for path in prepared.root.glob(_TESTMON_DATA)}
        if not self.ask().tests < self.known:
            raise EnctestError(f"testmon recorded nothing in {prepared.root}", self.result.output[-2000:])

    def moved(self, root: Path) -> Testmon:
        """Return a copy in another folder, which knows as much."""
        other = copy.copy(self)
        other._prepared = copied(self._prepared, root)
        other._kept = {root / path.name: content for path, content in self._kept.items()}
        return other

    def ask(self) -> Selected:
        """Return what all that has changed since the run affects."""
        self._forget()
        for path, content in self._kept.items():
            path.write_bytes(content)
        command = [
            *_pytest(self._prepared),
            "--testmon",
            "--collect-only",
            "-q",
            *self._prepared.suite.arguments,
        ]
        with tempfile.TemporaryDirectory(prefix="testmon-") as folder:
            done = subprocess.run(
                command,
                cwd=self._prepared.root,
                env=environment(self._prepared, Path(folder) / "log"),
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        tests = {line for line in done.stdout.splitlines() if "::" in line and not line.startswith(" ")}
        # It collects all files anyway: it knows new tests, and files that are broken.
        files = {test.partition("::")[0] for test in self.known}
        return Selected(frozenset(tests), frozenset(files), known=self.known)

    def _forget(self) -> None:
        for path in self._prepared.root.glob(_TESTMON_DATA):
            path.unlink()


def with_testmon(suite: Suite, cache: Path) -> Prepared:
    """Prepare a suite with testmon in its environment."""
    return prepare(replace(suite, requirements=(*suite.requirements, PEER)), cache / "testmon")


def run_plainly(prepared: Prepared, *, timeout: float) -> Result:
    """Run all tests in a fresh pytest, with bounded memory; files that cannot be collected stop no others.

    Raises:
        subprocess.TimeoutExpired: It took longer than `timeout` seconds.
    """
    command = [*_pytest(prepared), "--continue-on-collection-errors"]
    return run(prepared, ["sh", "-c", _MEMORY, "sh", *command], timeout=timeout)


def run_alone(prepared: Prepared, test: str, *, timeout: float) -> str:
    """Return how a test ends that a fresh pytest runs alone; empty if it does not run.

    Raises:
        subprocess.TimeoutExpired: It took longer than `timeout` seconds.
    """
    options = [each for each in prepared.suite.arguments if not (prepared.root / each).exists()]
    bare = replace(prepared, suite=replace(prepared.suite, arguments=tuple(options)))
    command = ["sh", "-c", _MEMORY, "sh", *_pytest(prepared), test]
    return run(bare, command, timeout=timeout).outcomes.get(test, "")


def differing(before: dict[str, str], after: dict[str, str], *, gone: bool) -> set[str]:
    """Return the tests that end differently; new ones count, and those that no longer run if `gone`."""
    tests = {*before, *after} if gone else after.keys()
    return {test for test in tests if before.get(test) != after.get(test)}


def _pytest(prepared: Prepared) -> list[str]:
    return [str(prepared.python), "-m", "pytest", *_PLAIN]


def copied(prepared: Prepared, root: Path) -> Prepared:
    """Copy a suite's files to `root`, anew."""
    shutil.rmtree(root, ignore_errors=True)
    ignored = shutil.ignore_patterns(".enctest", ".git", "__pycache__", ".pytest_cache", ".testmondata*")
    shutil.copytree(prepared.root, root, ignore=ignored, symlinks=True)
    return prepared.elsewhere(root)
