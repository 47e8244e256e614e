"""How long does a whole suite take: plain pytest, pytest-xdist, `enctest`, `enctest` in parallel, and a save?

    python -m tests.benchmarks.whole_run [--cache FOLDER] [--rounds N] [--workers N] [NAME ...]

runs each suite of `suites.py` by each command in turn, with recording and tracing on in enctest's, and prints
median seconds, and the medians of each round's ratios. `save` is the time from a save that affects every test
(a line in the root's conftest.py) to the last result in `enctest watch`. The first round, which fills caches,
does not count. Exits with 1 where the parallel run or the save was slower than plain pytest or pytest-xdist,
or the exit codes differ.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.outcomes import environment
from tests.benchmarks.save_to_result import Project
from tests.benchmarks.suites import Prepared, add_arguments, install, prepare_chosen
from tests.harness import Watch

from enctest.errors import EnctestError

_PATIENCE = 300.0


@dataclass(frozen=True)
class Run:
    """One run: seconds that passed, seconds of processor time, exit code."""

    wall: float
    processor: float
    exit_code: int


def commands(prepared: Prepared, workers: int) -> dict[str, list[str]]:
    """Return what is compared, by name."""
    pytest = [str(prepared.python), "-m", "pytest", "-p", "no:enctest", "-q"]
    enctest = [str(prepared.bin / "enctest"), "-q"]
    return {
        "pytest": pytest,
        f"pytest -n {workers}": [*pytest, "-n", str(workers)],
        "enctest": enctest,
        f"enctest -n {workers}": [*enctest, "-n", str(workers)],
    }


def measure(prepared: Prepared, command: Sequence[str]) -> Run:
    """Run a command on the suite.

    Raises:
        subprocess.TimeoutExpired: It did not end.
    """
    variables = environment(prepared, prepared.root / "unused")
    before = os.times()
    started = time.perf_counter()
    done = subprocess.run(
        [*command, *prepared.suite.arguments],
        cwd=prepared.root,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_PATIENCE,
        check=False,
    )
    wall = time.perf_counter() - started
    after = os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(wall, processor, done.returncode)


def compare(prepared: Prepared, rounds: int, workers: int) -> bool:
    """Run a suite every way and print what came of it; return whether the parallel run won."""
    chosen = commands(prepared, workers)
    names = list(chosen)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    saves: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        project = Project(prepared, Path(folder))
        with project.watch(
            "-n", str(workers), "--python", str(prepared.python), *prepared.suite.arguments
        ) as watch:
            for number in range(rounds + 1):
                for name in names if number % 2 else reversed(names):
                    run = measure(prepared, chosen[name])
                    if number:
                        runs[name].append(run)
                saved = save(watch, number)
                if number:
                    saves.append(saved)
    print(f"{prepared.suite.name} {prepared.suite.version}", flush=True)
    for name in names:
        tell(name, runs[name], runs)
    tell("save", saves, runs)
    codes = {run.exit_code for each in runs.values() for run in each}
    if len(codes) > 1:
        print(f"  exit codes differ: { ({name: runs[name][0].exit_code for name in names}) }")
    plain, xdist, _, ours = names
    quicker = [ratio(mine, runs[peer]) < 1 for mine in (runs[ours], saves) for peer in (plain, xdist)]
    return len(codes) == 1 and all(quicker)


def save(watch: Watch, number: int) -> Run:
    """Save a line that affects every test; return the time to the last result."""
    path = watch.sample.root / "conftest.py"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    watch.mark()
    path.write_text(f"{text}\n_ROUND_{number} = {number}\n", encoding="utf-8")
    saved = path.stat().st_mtime
    watch.idle()
    return Run(max(event["t"] for event in watch.new("test_finished")) - saved, 0.0, 0)


def ratio(ours: Sequence[Run], peers: Sequence[Run]) -> float:
    """Return the median of the rounds' ratios of time passed."""
    return statistics.median(our.wall / peer.wall for our, peer in zip(ours, peers, strict=True))


def tell(name: str, own: Sequence[Run], runs: Mapping[str, Sequence[Run]]) -> None:
    """Print one line about a command."""
    plain, xdist = list(runs.values())[:2]
    wall = statistics.median(run.wall for run in own)
    processor = statistics.median(run.processor for run in own)
    print(
        f"  {name:14} {wall:6.2f} s   {processor:6.2f} s of processor   "
        f"{ratio(own, plain):.2f} of pytest   {ratio(own, xdist):.2f} of xdist",
        flush=True,
    )


def main() -> int:
    """Compare on the chosen suites."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.whole_run", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    try:
        prepared = prepare_chosen(options)
        for each in prepared:
            install(each, "pytest-xdist")
        won = [compare(each, options.rounds, options.workers) for each in prepared]
    except (EnctestError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if all(won) else 1


if __name__ == "__main__":
    sys.exit(main())
