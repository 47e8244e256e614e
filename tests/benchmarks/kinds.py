"""Kinds of change that make known tests fail: is every such test selected, and how many others are?

    python -m tests.benchmarks.kinds [--peer testmon] [--cache FOLDER] [KIND ...]

The project is tests/projects/kinds with tests/projects/kinds_more over it: pydantic, SQLAlchemy, Django,
Jinja2, a managed PostgreSQL. It is recorded once by `enctest`. Per kind a copy of it, with what was recorded,
gets one edit; `enctest affected` says what is selected, and a fresh pytest says which outcomes differ from
before. A test that differs and is not selected is a miss; any miss makes the exit code 1, as does a change
that selects more than it may. The peer is asked on copies of the same project that it has recorded itself.

Nobody can change a row of a managed database outside of the tree for later runs: each run has a fresh copy,
made from migrations and seed. So that kind is a changed row in the seed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.benchmarks import outcomes
from tests.benchmarks.kinds_more import ALL, OF_PEERS, PRECISE
from tests.benchmarks.suites import REPOSITORY, Prepared, Suite
from tests.kinds import Kind

from enctest import config
from enctest.databases.manager import DatabaseManager
from enctest.errors import EnctestError
from enctest.paths import Project, cache_folder

PROJECTS = REPOSITORY / "tests" / "projects"
PACKAGES = (
    *("django>=5,<6", "jinja2>=3.1", "psycopg[binary]>=3.1", "pydantic>=2", "pytest>=8,<9"),
    *("pytest-asyncio>=0.24,<1", "sqlalchemy>=2", "syrupy>=4,<5"),
)
TESTMON = "pytest-testmon==2.2.0"
QUIET = ("-q", "-p", "no:randomly")


@dataclass(frozen=True)
class Found:
    """What a selector selects after a change: node ids, and files that it collects anew."""

    tests: frozenset[str]
    files: frozenset[str] = frozenset()

    def misses(
        self, differing: frozenset[str], known: Mapping[str, str], after: Mapping[str, str]
    ) -> set[str]:
        """Return what differs and would not run; what no longer exists cannot."""
        files = self.files | {file_of(test) for test in self.tests}
        return {
            test
            for test in (differing & after.keys()) - self.tests
            if test in known or file_of(test) not in files
        }


def file_of(test: str) -> str:
    """Return the file of a node id."""
    return test.partition("::")[0]


class Bench:
    """The recorded project, and ways to change copies of it.

    Args:
        home: Where the interpreter's environment is kept.
        work: A folder that is thrown away.
        peer: Package that selects, instead of enctest.
    """

    def __init__(self, home: Path, work: Path, peer: str = "") -> None:
        self.peer = peer
        self.work = work / (peer.partition("=")[0] or "enctest")
        self.bin = _environment(home / self.work.name, peer) / "bin"
        self.base = self.work / "base"
        for name in ("kinds", "kinds_more"):
            shutil.copytree(PROJECTS / name, self.base, dirs_exist_ok=True)

    def record(self) -> None:
        """Run all tests once, recording.

        Raises:
            EnctestError: They do not pass.
        """
        if self.peer:
            with self._databases(self.base, wanted=True) as variables:
                command = [str(self.bin / "pytest"), "--testmon", *QUIET]
                result = outcomes.run(self._prepared(self.base), command, variables=variables | _CLEAN)
            output, code = result.output, result.exit_code
        else:
            done = self._enctest(self.base, *QUIET)
            output, code = done.stdout + done.stderr, done.returncode
        if code:
            raise EnctestError("the project's tests do not pass", output)

    def plain(self, root: Path, kind: Kind | None = None, *, database: bool = False) -> dict[str, str]:
        """Return the outcomes of a fresh pytest."""
        command = [str(self.bin / "pytest"), *QUIET, "--continue-on-collection-errors"]
        return self._outcomes(root, command, kind, database=database)

    def select(self, root: Path, kind: Kind) -> Found:
        """Return what the selector selects."""
        if self.peer:
            command = [str(self.bin / "pytest"), "--testmon", *QUIET]
            return Found(frozenset(self._outcomes(root, command, kind, database=kind.database)))
        done = self._enctest(root, "affected", variables=dict(kind.variables))
        if done.returncode:
            raise EnctestError(f"enctest affected failed on {kind.name}", done.stderr)
        lines = done.stdout.splitlines()
        return Found(
            frozenset(line for line in lines if "::" in line),
            frozenset(line for line in lines if "::" not in line),
        )

    def _outcomes(
        self, root: Path, command: list[str], kind: Kind | None, *, database: bool
    ) -> dict[str, str]:
        more = dict(kind.variables) if kind else {}
        with self._databases(root, wanted=database) as variables:
            return outcomes.run(self._prepared(root), command, variables=variables | _CLEAN | more).outcomes

    def _enctest(
        self, root: Path, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        env = outcomes.environment(self._prepared(root), root) | _CLEAN | dict(variables)
        for name in ("OUTCOME_LOG", "PYTHONPATH"):  # those are for pytest's outcomes
            del env[name]
        return subprocess.run(
            [str(self.bin / "enctest"), *arguments],
            cwd=root,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    def copy(self, number: int) -> Path:
        """Return a copy of the project with what was recorded."""
        return Path(shutil.copytree(self.base, self.work / str(number)))

    @staticmethod
    @contextlib.contextmanager
    def _databases(root: Path, *, wanted: bool) -> Iterator[dict[str, str]]:
        if not wanted:
            yield {}
            return
        project = Project.find(root)
        manager = DatabaseManager(config.load(root).databases, project)
        try:
            manager.prepare()
            yield dict(manager.lease("kinds").env)
        finally:
            manager.close()

    def _prepared(self, root: Path) -> Prepared:
        return Prepared(Suite("kinds", ""), root, self.bin)


_CLEAN = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Bytecode files would hide edits of equal size and time from pytest itself."""


def _environment(place: Path, peer: str) -> Path:
    stamp = place / "ready"
    wanted = [*PACKAGES, *([peer] if peer else ["-e", f"{REPOSITORY}[postgres]"])]
    recipe = f"{wanted}\n{sys.version}\n"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != recipe:
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([str(place / "bin" / "python"), "-m", "pip", "-q", "install", *wanted], check=True)
        stamp.write_text(recipe, encoding="utf-8")
    return place


@dataclass(frozen=True)
class Row:
    """What one selector did with one kind; `stray`: the edit did not do what it was made for."""

    kind: Kind
    found: int
    misses: frozenset[str]
    stray: frozenset[str]


class Measure:
    """Goes through kinds with several benches; the first one's pytest says what is true.

    Args:
        benches: They have recorded.
        jobs: How many kinds are looked at at the same time.
    """

    def __init__(self, benches: list[Bench], jobs: int) -> None:
        self._benches = benches
        self._pool = ThreadPoolExecutor(jobs)
        self._before: dict[bool, Mapping[str, str]] = {}
        for database in (False, True):
            root = benches[0].copy(int(database))
            self._before[database] = benches[0].plain(root, database=database)
        self.total = len(self._before[True])

    def rows(self, kinds: Iterable[Kind]) -> Iterator[list[Row]]:
        """Yield what each bench did, kind by kind."""
        with self._pool:
            futures = [self._pool.submit(self._row, number, kind) for number, kind in enumerate(kinds, 2)]
            yield from (future.result() for future in futures)

    def _row(self, number: int, kind: Kind) -> list[Row]:
        roots = [bench.copy(number) for bench in self._benches]
        for root in roots:
            kind.apply(root)
        found = [bench.select(root, kind) for bench, root in zip(self._benches, roots, strict=True)]
        before, after = (
            self._before[kind.database],
            self._benches[0].plain(roots[0], kind, database=kind.database),
        )
        for root in roots:
            shutil.rmtree(root)
        differing = frozenset(test for test in {**before, **after} if before.get(test) != after.get(test))
        stray = frozenset(set(kind.differs) - {test.rpartition("::")[2] for test in differing})
        return [
            Row(kind, len(one.tests & before.keys()), frozenset(one.misses(differing, before, after)), stray)
            for one in found
        ]


def run(benches: list[Bench], kinds: list[tuple[Kind, int | None]], jobs: int) -> int:
    """Print the table; 1 when enctest missed something or selected too much."""
    for bench in benches:
        bench.record()
    measure = Measure(benches, jobs)
    print(f"{measure.total} tests; selected by {', '.join(bench.work.name for bench in benches)}")
    numbers = {name: number for number, name in OF_PEERS.items()}
    caught = [0] * len(benches)
    failed = 0
    for (kind, most), rows in zip(kinds, measure.rows(kind for kind, _ in kinds), strict=True):
        cells = "   ".join(_cell(row, most) for row in rows)
        print(f"{numbers.get(kind.name, ''):>2} {kind.name:<42}{cells}", flush=True)
        for test in sorted(rows[0].misses | rows[0].stray):
            print(f"       {test}")
        caught = [count + (not row.misses) for count, row in zip(caught, rows, strict=True)]
        failed |= bool(rows[0].misses or rows[0].stray or (most is not None and rows[0].found > most))
    print(f"   {f'caught of {len(kinds)}':<42}{'   '.join(f'{count:>16}' for count in caught)}")
    return failed


def _cell(row: Row, most: int | None) -> str:
    word = (
        "MISS"
        if row.misses
        else "NO EFFECT"
        if row.stray
        else "wide"
        if most is not None and row.found > most
        else "y"
    )
    return f"{word:<10}{row.found:>6}"


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.kinds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="KIND", help="parts of names of kinds; default: all")
    parser.add_argument("--peer", choices=["testmon"], help="ask pytest-testmon the same")
    parser.add_argument("--cache", type=Path, default=None, help="folder for environments")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    kinds: list[tuple[Kind, int | None]] = [*((kind, None) for kind in ALL), *PRECISE]
    chosen = [
        (kind, most)
        for kind, most in kinds
        if not options.names or any(name in kind.name for name in options.names)
    ]
    home = (options.cache or cache_folder() / "kinds").resolve()
    try:
        with tempfile.TemporaryDirectory(prefix="kinds-") as folder:
            benches = [Bench(home, Path(folder))]
            if options.peer:
                benches.append(Bench(home, Path(folder), TESTMON))
            return run(benches, chosen, options.jobs)
    except EnctestError as error:
        print(error, error.hint, sep="\n", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
