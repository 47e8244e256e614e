"""Does a change that makes a test end differently always select it? Seeded mutants of real projects say.

    python -m tests.benchmarks.mutants [--count N] [--seed N] [--no-peer] [--cache FOLDER] [NAME ...]

Per project, enctest records one run. Then each of N small changes (operators, constants, removed
statements, decorators, default arguments, module levels, data files) is made in turn: enctest says which
tests it affects, a full run of plain pytest in a fresh process shows which tests end differently. Each of
those has to be among the affected ones: otherwise it is missed. One that ends as before when it runs alone
is no miss, but a victim: another test, which fails now, leaves something behind, such as a context. Victims
are counted by themselves. The same with pytest-testmon, unless `--no-peer`. Exits with 1 if enctest missed
any. What a mutant does is kept in the cache folder, so that a run that was stopped can go on.
"""

from __future__ import annotations

import argparse
import queue
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
from tests.benchmarks.mutations import Mutant, sample
from tests.benchmarks.selecting import (
    Enctest,
    Selected,
    Testmon,
    copied,
    differing,
    run_alone,
    run_plainly,
    with_testmon,
)
from tests.benchmarks.suites import Prepared, add_arguments, prepare_chosen

from enctest.errors import EnctestError
from enctest.foreign import FOREIGN_FOLDERS

DEFAULT = ("flask", "click", "attrs")
PARALLEL = 2
_PATIENCE = 8.0
"""Times as long as without a change a run may take; then it hangs."""
_DATA = (".html", ".txt", ".json", ".toml", ".cfg", ".ini", ".sql", ".css", ".tmpl")
_NOT_READ = (
    "LICENSE",
    "README",
    "CHANGES",
    "docs/",
    "requirements",
    "pyproject.toml",
    "tox.ini",
    "examples/",
)


class Verdict(msgspec.Struct, frozen=True):
    """What a mutant does.

    Attributes:
        mutant: Its name.
        differs: Tests that end differently.
        hangs: The run did not end.
        peer: How many tests the peer selects, None if it was not asked.
        peer_missed: Tests of `differs` that the peer does not select.
    """

    mutant: str
    differs: tuple[str, ...] = ()
    hangs: bool = False
    peer: int | None = None
    peer_missed: tuple[str, ...] = ()


@dataclass
class Bench:
    """One of the places where mutants are tried at the same time."""

    plain: Prepared
    testmon: Testmon | None
    testmon_root: Path


class Trial:
    """All mutants of one project.

    Args:
        prepared: The project.
        folder: A folder for copies of it, and for what is known of mutants.
        peer: Ask testmon as well.
    """

    def __init__(self, prepared: Prepared, folder: Path, *, peer: bool) -> None:
        self.folder = folder / prepared.suite.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepared = copied(prepared, self.folder / "recorded")
        self.enctest = Enctest(self.prepared)
        self._file = self.folder / f"verdicts-{prepared.suite.version}.jsonl"
        self._known = self._read()
        self._benches: queue.Queue[Bench] = queue.Queue()
        first = self.folder / "testmon0"
        testmon = Testmon(copied(with_testmon(prepared.suite, folder.parent), first)) if peer else None
        for number in range(PARALLEL):
            root = self.folder / f"testmon{number}"
            copy = testmon.moved(root) if testmon is not None and root != first else testmon
            self._benches.put(Bench(copied(prepared, self.folder / f"plain{number}"), copy, root))
        plain = self._benches.queue[0].plain
        runs = [run_plainly(plain, timeout=600) for _ in range(2)]
        self.before = runs[0].outcomes
        self.unsure = differing(runs[0].outcomes, runs[1].outcomes, gone=True)
        self._timeout = max(120.0, _PATIENCE * max(each.seconds for each in runs))

    def mutants(self, count: int, seed: int) -> list[Mutant]:
        """Choose mutants of the project's own modules that a test run imports, and of data files."""
        root = self.prepared.root
        paths = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()]
        paths = [path for path in paths if FOREIGN_FOLDERS.isdisjoint(path.split("/"))]
        sources = [path for path in paths if path.startswith("src/") and path.endswith(".py")]
        data = [path for path in paths if path.endswith(_DATA) and not path.startswith(_NOT_READ)]
        return sample(root, sources, data, count, seed)

    def ask(self, mutant: Mutant) -> Selected:
        """Return what enctest would run."""
        root = self.prepared.root
        before = mutant.apply(root)
        try:
            return self.enctest.ask([mutant.path])
        finally:
            (root / mutant.path).write_bytes(before)

    def judge(self, mutant: Mutant) -> Verdict:
        """Run everything with the mutant, or take what is known of it."""
        known = self._known.get(mutant.name)
        if known is not None:
            return known
        bench = self._benches.get()
        try:
            verdict = self._judge(mutant, bench)
        finally:
            self._benches.put(bench)
        with self._file.open("ab") as stream:
            stream.write(msgspec.json.encode(verdict) + b"\n")
        return verdict

    def _judge(self, mutant: Mutant, bench: Bench) -> Verdict:
        root = bench.plain.root
        before = mutant.apply(root)
        try:
            after = run_plainly(bench.plain, timeout=self._timeout).outcomes
        except subprocess.TimeoutExpired:
            return Verdict(mutant.name, hangs=True)
        finally:
            (root / mutant.path).write_bytes(before)
        differs = differing(self.before, after, gone=True) - self.unsure
        if bench.testmon is None:
            return Verdict(mutant.name, tuple(sorted(differs)))
        before = mutant.apply(bench.testmon_root)
        try:
            selected = bench.testmon.ask()
        finally:
            (bench.testmon_root / mutant.path).write_bytes(before)
        missed = tuple(sorted(test for test in differs if not selected.covers(test)))
        return Verdict(mutant.name, tuple(sorted(differs)), peer=selected.count, peer_missed=missed)

    def victims(self, mutant: Mutant, tests: list[str]) -> set[str]:
        """Return those of the tests that end as before when they run alone."""
        bench = self._benches.get()
        before = mutant.apply(bench.plain.root)
        try:
            ends = {test: run_alone(bench.plain, test, timeout=self._timeout) for test in tests}
        finally:
            (bench.plain.root / mutant.path).write_bytes(before)
            self._benches.put(bench)
        return {test for test, outcome in ends.items() if outcome == self.before.get(test)}

    def _read(self) -> dict[str, Verdict]:
        if not self._file.exists():
            return {}
        lines = self._file.read_bytes().splitlines()
        return {each.mutant: each for each in (msgspec.json.decode(line, type=Verdict) for line in lines)}


def examine(trial: Trial, count: int, seed: int) -> int:
    """Try a project's mutants and print what came of it; return how many tests enctest missed."""
    mutants = trial.mutants(count, seed)
    with ThreadPoolExecutor(PARALLEL) as pool:
        verdicts = list(pool.map(trial.judge, mutants))
    selected = [trial.ask(mutant) for mutant in mutants]
    missed = victims = 0
    for mutant, verdict, mine in zip(mutants, verdicts, selected, strict=True):
        lost = [test for test in verdict.differs if not mine.covers(test)]
        alone = trial.victims(mutant, lost) if lost else set()
        victims += len(alone)
        lost = [test for test in lost if test not in alone]
        missed += len(lost)
        if lost:
            print(f"  missed: {len(lost)} tests after {mutant.name}, such as {lost[0]}", flush=True)
    effective = [verdict for verdict in verdicts if verdict.differs]
    name = trial.prepared.suite.name
    print(
        f"{name:14} {len(mutants)} mutants, {len(effective)} change outcomes,"
        f" {sum(len(each.differs) for each in verdicts)} of them;"
        f" {sum(each.hangs for each in verdicts)} hang; {len(trial.before)} tests"
    )
    tell(name, "enctest", [each.count for each in selected], missed)
    if victims:
        print(f"{name:14} {victims} more only fail since a test that was selected fails before them")
    compare(name, [(mine.count, v) for mine, v in zip(selected, verdicts, strict=True) if v.peer is not None])
    return missed


def compare(name: str, pairs: list[tuple[int, Verdict]]) -> None:
    """Print what testmon selects and misses, and how both compare, mutant by mutant.

    Args:
        name: The project's.
        pairs: How many tests enctest selects, and a verdict that knows testmon's.
    """
    if not pairs:
        return
    tell(name, "testmon", [v.peer or 0 for _, v in pairs], sum(len(v.peer_missed) for _, v in pairs))
    sound = [(count, verdict) for count, verdict in pairs if not verdict.peer_missed]
    for which, among in ("all", pairs), ("those of which testmon misses nothing", sound):
        apart = [count - (verdict.peer or 0) for count, verdict in among]
        if apart:
            mine = statistics.median(count for count, _ in among)
            peers = statistics.median(verdict.peer or 0 for _, verdict in among)
            fewer, more = sum(each < 0 for each in apart), sum(each > 0 for each in apart)
            print(
                f"{name:14} of {len(among)} mutants ({which}): medians {mine:.0f}, {peers:.0f};"
                f" enctest selects fewer tests of {fewer}, as many of {apart.count(0)}, more of {more};"
                f" median difference {statistics.median(apart):.0f}"
            )


def tell(name: str, who: str, counts: list[int], missed: int) -> None:
    """Print one line of the table."""
    print(
        f"{name:14} {who:8} selects median {statistics.median(counts):.0f},"
        f" mean {statistics.mean(counts):.0f}; misses {missed}",
        flush=True,
    )


def main() -> int:
    """Try the mutants of the chosen projects."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.mutants", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=150, help="mutants per project (150)")
    parser.add_argument("--seed", type=int, default=1, help="decides which (1)")
    parser.add_argument("--no-peer", action="store_true", help="leave testmon out")
    options = parser.parse_args()
    options.names = options.names or list(DEFAULT)
    try:
        missed = 0
        for prepared in prepare_chosen(options):
            folder = prepared.root.parents[1] / "mutants"
            missed += examine(Trial(prepared, folder, peer=not options.no_peer), options.count, options.seed)
    except EnctestError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
