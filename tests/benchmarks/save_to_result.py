"""Save to result of one affected test, against a fresh pytest and against pytest-watcher with testmon.

    python -m tests.benchmarks.save_to_result [--rounds N] [--cache FOLDER] [NAME ...]

Per project, in turn in each round: a test's own body is edited and saved, which affects that one test.
Measured is the time from the file's modification time to the arrival of its result:

* enctest: the `test_finished` event of `enctest watch`;
* pytest: a fresh process on exactly that test, started when the file is saved, until it has ended: what
  somebody has who knows which test to run and starts it at once;
* watcher+testmon: pytest-watcher running `pytest --testmon` in a pseudo-terminal, until its summary line.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.suites import Prepared, add_arguments, prepare_chosen
from tests.harness import Sample, Watch

PATIENCE = 60.0
PEER = ("pytest-watcher==0.6.3", "pytest-testmon==2.2.0", "watchdog<7")
_SUMMARY = re.compile(rb"\d+ (passed|failed)[^\n]* in [\d.]+s")


@dataclass(frozen=True)
class Edit:
    """A line in a test's body, and the test; the line gets a counter, so that each save is a new one."""

    path: str
    test: str
    line: str

    def apply(self, root: Path, number: int) -> float:
        """Save the edit; return the file's modification time (seconds since the epoch)."""
        path = root / self.path
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        index = next(i for i, text in enumerate(lines) if text.startswith(self.line))
        indent = self.line[: len(self.line) - len(self.line.lstrip())]
        marked = f"{indent}_round = {number}\n"
        if index and lines[index - 1].lstrip().startswith("_round ="):
            lines[index - 1] = marked
        else:
            lines.insert(index, marked)
        path.write_text("".join(lines), encoding="utf-8")
        return path.stat().st_mtime


EDITS = {
    "flask": Edit("tests/test_json_tag.py", "test_tag_interface", "    t = JSONTag(None)"),
    "httpx": Edit(
        "tests/test_status_codes.py", "test_status_code_as_int", "    assert httpx.codes.NOT_FOUND == 404"
    ),
    "itsdangerous": Edit(
        "tests/test_itsdangerous/test_encoding.py", "test_want_bytes", "    out = want_bytes("
    ),
}


class Project(Sample):
    """A copy of a prepared suite, watched like any sample."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        self.root = folder / prepared.suite.name
        shutil.copytree(prepared.root, self.root, ignore=shutil.ignore_patterns(".enctest", "__pycache__"))
        self.runtime = Path(tempfile.mkdtemp(prefix="et-"))


def by_enctest(watch: Watch, root: Path, edit: Edit, number: int) -> float:
    """Return seconds from save to the result of the affected test."""
    watch.mark()
    saved = edit.apply(root, number)
    finished = float(watch.wait_for("test_finished")["t"])
    watch.idle()
    return finished - saved


def by_pytest(prepared: Prepared, root: Path, edit: Edit, number: int) -> float:
    """Return seconds from save to the end of a fresh process on the one test."""
    saved = edit.apply(root, number)
    command = [str(prepared.python), "-m", "pytest", "-q", *prepared.suite.arguments, "-p", "no:randomly"]
    subprocess.run(
        [*command, f"{edit.path}::{edit.test}"], cwd=root, check=False, stdout=subprocess.DEVNULL, env=_env()
    )
    return time.time() - saved


@contextlib.contextmanager
def watcher(prepared: Prepared, root: Path, home: Path) -> Iterator[Callable[[Edit, int], float]]:
    """Run pytest-watcher with testmon in a pseudo-terminal; yield what measures one save."""
    python = _peer_environment(prepared, home)
    subprocess.run(
        [python, "-m", "pytest", "-q", "--testmon"], cwd=root, check=False, stdout=subprocess.DEVNULL
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(root)
        os.execv(
            python.parent / "ptw", ["ptw", ".", "--runner", str(python.parent / "pytest"), "-q", "--testmon"]
        )
    try:
        _read_until(terminal, re.compile(rb"Current runner args|Invoke a runner|Press"))

        def measure(edit: Edit, number: int) -> float:
            saved = edit.apply(root, number)
            _read_until(terminal, _SUMMARY)
            return time.time() - saved

        yield measure
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def _read_until(terminal: int, pattern: re.Pattern[bytes]) -> None:
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while not pattern.search(seen):
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            raise TimeoutError(f"{pattern.pattern!r} did not appear in {seen[-500:]!r}")
        seen += os.read(terminal, 65536)


def _peer_environment(prepared: Prepared, home: Path) -> Path:
    """Return the interpreter of an environment like the suite's, with the peers in it instead of enctest."""
    place = home / f"peer-{prepared.suite.name}"
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        frozen = subprocess.run(
            [prepared.python, "-m", "pip", "freeze", "--exclude-editable"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        pinned = [line for line in frozen.splitlines() if "==" in line and not line.startswith("watch")]
        install = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *pinned, *PEER], check=True)
        (place / "ready").touch()
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", "."],
        cwd=prepared.root,
        check=True,
    )
    return python


def _env() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def run(prepared: Prepared, rounds: int, home: Path, *, peers: bool) -> dict[str, list[float]]:
    """Measure one suite; return seconds per way."""
    edit = EDITS[prepared.suite.name]
    times: dict[str, list[float]] = {"enctest": [], "pytest": [], "watcher+testmon": []}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = Project(prepared, folder / "a")
        plain = Project(prepared, folder / "b")
        theirs = Project(prepared, folder / "c")
        arguments = ["--python", str(prepared.python), *prepared.suite.arguments]
        watch = stack.enter_context(ours.watch(*arguments))
        measure = stack.enter_context(watcher(prepared, theirs.root, home)) if peers else None
        for number in range(rounds + 1):
            took = {
                "enctest": by_enctest(watch, ours.root, edit, number),
                "pytest": by_pytest(prepared, plain.root, edit, number),
            }
            if measure is not None:
                took["watcher+testmon"] = measure(edit, number)
            if number:  # the first warms files and hosts up
                for way, seconds in took.items():
                    times[way].append(seconds)
    return times


def main() -> int:
    """Measure and print a table."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.save_to_result", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-peers", action="store_true", help="leave pytest-watcher and testmon out")
    options = parser.parse_args()
    print(f"{'project':<16}{'way':<18}{'p50 ms':>8}{'p95 ms':>8}{'to enctest':>12}", flush=True)
    for prepared in prepare_chosen(options):
        times = run(prepared, options.rounds, prepared.root.parent, peers=not options.no_peers)
        base = statistics.median(times["enctest"])
        for way, seconds in times.items():
            if seconds:
                middle, high = statistics.median(seconds), sorted(seconds)[int(len(seconds) * 0.95)]
                ratio = f"{middle / base:.1f}"
                row = f"{prepared.suite.name:<16}{way:<18}{middle * 1000:>8.0f}{high * 1000:>8.0f}{ratio:>12}"
                print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
