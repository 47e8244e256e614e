"""A project of 50,000 tests: start, selection and memory with a filled index.

    python -m tests.benchmarks.large [--tests N] [--cache FOLDER]

Generates a project (20 tests a file, 200 modules that call each other), fills its history by running it once
under `enctest`, then measures, on the same history:

* start: from `enctest-tui` in a pseudo-terminal to the first tests on its screen, and memory;
* selection: from "this file changed" to the tests that one edited function affects, also for the first edit
  after a start, with an explorer's parts but without its loop;
* saves: from the file's modification time to `affected` at a front end, and to all quiet.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.terminal import Terminal
from tests.harness import pids_of, wait_until

from enctest.events import Affected, Ready
from enctest.explorer.client import Feed, connect, spawn
from enctest.explorer.offline import Offline
from enctest.paths import Project
from enctest.record import Event

MODULES = 200
FUNCTIONS = 10
TESTS_A_FILE = 20
ROUNDS = 9
PATIENCE = 40.0
STARTS = 3
_COMMAND = [sys.executable, "-P", "-c", "import sys; from enctest_tui.main import main; sys.exit(main())"]


# --- the project --------------------------------------------------------------------------------------


def generate(root: Path, tests: int) -> None:
    """Write the project: module n imports up to three with smaller numbers, each test file two modules."""
    chance = random.Random(20)  # noqa: S311 - the same project each time
    package = root / "app"
    package.mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (package / "__init__.py").write_text('"""The application."""\n')
    for number in range(MODULES):
        (package / f"part{number:03}.py").write_text(_module(number, chance))
    (root / "tests").mkdir()
    (root / "tests" / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef start():\n    return 1\n"
    )
    for number in range(tests // TESTS_A_FILE):
        folder = root / "tests" / f"area{number // 50:02}"
        folder.mkdir(exist_ok=True)
        (folder / f"test_piece_{number:04}.py").write_text(_test_file(chance))


def _module(number: int, chance: random.Random) -> str:
    below = sorted(chance.sample(range(number), min(number, 3)))
    lines = [f"from app import part{other:03}" for other in below]
    for function in range(FUNCTIONS):
        lines += ["", "", f"def step{function}(value):"]
        if below and function % 2:
            other = chance.choice(below)
            lines.append(f"    value = part{other:03}.step{chance.randrange(FUNCTIONS)}(value)")
        lines.append(f"    return value + {chance.randrange(100)}")
    return "\n".join(lines) + "\n"


def _test_file(chance: random.Random) -> str:
    modules = sorted(chance.sample(range(MODULES), 2))
    lines = [f"from app import part{number:03}" for number in modules]
    for test in range(TESTS_A_FILE):
        lines += ["", "", f"def test_case_{test:02}(start):"]
        lines += [
            f"    start = part{chance.choice(modules):03}.step{chance.randrange(FUNCTIONS)}(start)"
            for _ in range(3)
        ]
        lines.append("    assert start > 0")
    return "\n".join(lines) + "\n"


def prepare(cache: Path, tests: int) -> tuple[Path, float]:
    """Return a project with a filled history, and the seconds of the run that filled it (0: it was there)."""
    root = cache / f"large-{tests}"
    done = cache / f"large-{tests}.done"
    if done.exists():
        return root, 0.0
    shutil.rmtree(root, ignore_errors=True)
    generate(root, tests)
    started = time.monotonic()
    command = "import enctest.cli, sys; sys.exit(enctest.cli.main())"
    subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            command,
            "-q",
            "--no-header",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
        ],
        cwd=root,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    done.touch()
    return root, time.monotonic() - started


# --- measures -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """Seconds from the command to its first tests, and until all is quiet; resident megabytes then.

    `work` is the processor time that the app and the explorer had used at the first tests: on a machine that
    does other things, too, it says more than the clock.
    """

    first: float
    work: float
    quiet: float
    screen: float
    explorer: float


def start(root: Path) -> Start:
    """Open the app in a pseudo-terminal, look, and leave."""
    begun = time.monotonic()
    terminal = Terminal(_COMMAND, cwd=root, env=dict(os.environ))
    try:
        terminal.see("area00", patience=PATIENCE)
        first = time.monotonic() - begun
        work = _cpu_seconds(terminal.pid) + sum(map(_cpu_seconds, _explorers(root)))
        terminal.see("area00", "watching", patience=PATIENCE)
        quiet = time.monotonic() - begun
        screen, explorer = _megabytes(terminal.pid), _megabytes(_explorers(root)[0])
        terminal.press("q")
        terminal.ended()
    finally:
        terminal.close()
    wait_until("the explorer is gone", lambda: not _explorers(root))
    return Start(first, work, quiet, screen, explorer)


def questions(root: Path) -> tuple[list[float], list[int]]:
    """Edit a function at a time; return the milliseconds each answer took, and how many tests it named.

    The first question comes straight after a start. Reading and parsing the file are part of the answer.
    """
    times, sizes = [], []
    with contextlib.closing(Offline(Project.find(root), [])) as offline, edits(root) as edit:
        offline.effect_of(None)
        for number in range(ROUNDS):
            path = edit(number)
            begun = time.perf_counter()
            tests = offline.selector.changed([path]).tests
            times.append((time.perf_counter() - begun) * 1000)
            sizes.append(len(tests))
    return times, sizes


async def saves(root: Path) -> tuple[list[float], list[float]]:
    """Save edits, the first as soon as all is quiet; return milliseconds to `Affected`, and to quiet."""
    feed = await connect(spawn(Project.find(root)))
    affected, quiet = [], []
    try:
        await _next(feed, Ready)
        with edits(root) as edit:
            for number in range(ROUNDS):
                saved = edit(number).stat().st_mtime
                await _next(feed, Affected)
                affected.append((time.time() - saved) * 1000)
                await _next(feed, Ready)
                quiet.append((time.time() - saved) * 1000)
        await _next(feed, Ready)
    finally:
        await feed.close()
    await asyncio.to_thread(wait_until, "the explorer is gone", lambda: not _explorers(root))
    return affected, quiet


@contextlib.contextmanager
def edits(root: Path) -> Iterator[Callable[[int], Path]]:
    """Give something that edits the body of one function of one module and returns the file; undone later."""
    before: dict[Path, str] = {}

    def edit(number: int) -> Path:
        path = root / "app" / f"part{MODULES - 1 - number:03}.py"
        text = before[path] = path.read_text()
        head, mark, tail = text.rpartition("    return value + ")
        path.write_text(f"{head}{mark}1{tail}")
        return path

    try:
        yield edit
    finally:
        for path, text in before.items():
            path.write_text(text)


async def _next(feed: Feed, kind: type[Event]) -> None:
    while True:
        await feed.wait()
        if feed.closed:
            raise SystemExit(feed.closed)
        if any(isinstance(event, kind) for event in feed.drain(1)):  # what follows is for the next call
            return


def _explorers(root: Path) -> list[int]:
    return pids_of(root, "enctest.explorer")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


# --- the table ----------------------------------------------------------------------------------------


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tests", type=int, default=50_000)
    parser.add_argument("--cache", type=Path, help="keep the project here, for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="large-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        cache = options.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        root, seconds = prepare(cache, options.tests)
        print(f"{options.tests} tests" + (f", first run {seconds:.0f} s" if seconds else ""))
        starts = [start(root) for _ in range(STARTS)]
        for name in ("first", "work", "quiet", "screen", "explorer"):
            print(f"  {_LABELS[name]:<44}{_spread([getattr(each, name) for each in starts])}")
        times, sizes = questions(root)
        print(f"  {'selection, first question (ms)':<44}{times[0]:8.1f}")
        print(
            f"  {'selection, later ones (ms)':<44}{_spread(times[1:])}   ({min(sizes)} to {max(sizes)} tests)"
        )
        affected, quiet = asyncio.run(saves(root))
        print(f"  {'first save to affected (ms)':<44}{affected[0]:8.1f}")
        print(f"  {'later saves to affected (ms)':<44}{_spread(affected[1:])}")
        print(f"  {'later saves to their last result (ms)':<44}{_spread(quiet[1:])}")


_LABELS = {
    "first": "start to the first tests on the screen (s)",
    "work": "processor time of both until then (s)",
    "quiet": "start to all quiet (s)",
    "screen": "memory of the app's process (MB)",
    "explorer": "memory of the explorer (MB)",
}


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):8.1f}   {min(values):.1f} to {max(values):.1f}"


if __name__ == "__main__":
    main()
