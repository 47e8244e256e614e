"""Save to result of one affected test, against a fresh pytest and a fresh `pytest --testmon`.

    python -m tests.benchmarks.save_to_result [--rounds N] [--cache FOLDER] [--no-peers] [NAME ...]

Per project and in turn in each round, a line is edited and saved: in a test's own body, or in a function
of the project. Measured is the time from the file's modification time to the arrival of the first result:

* enctest: the first `test_finished` event of `enctest watch`, which has had a moment of quiet before;
* pytest: a fresh process on exactly one affected test, until it has ended: what somebody has who knows which
  test to run and starts it at once;
* testmon: a fresh `pytest --testmon` on the same edit, until it has ended.

`heavy` is a made web application that imports 300 modules of its own and as many foreign ones.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import heavy
from tests.benchmarks.suites import SUITES, Prepared, add_arguments, prepare_chosen
from tests.harness import Sample, Watch

from enctest.paths import cache_folder

PEER = ("pytest-testmon==2.2.0",)
PAUSE = 1.5
"""Seconds between a result and the next save: nobody edits faster."""
NAMES = ("flask", "httpx", "itsdangerous", "heavy")


@dataclass(frozen=True)
class Edit:
    """A line, and a test that its edit affects; a counter before the line makes each save a new one."""

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
    "flask": {
        "test": Edit(
            "tests/test_json_tag.py", "tests/test_json_tag.py::test_tag_interface", "    t = JSONTag(None)"
        ),
        "source": Edit(
            "src/flask/helpers.py",
            "tests/test_templating.py::test_macros",
            "    return getattr(current_app.jinja_env.get_template(",
        ),
    },
    "httpx": {
        "test": Edit(
            "tests/test_status_codes.py",
            "tests/test_status_codes.py::test_status_code_as_int",
            "    assert httpx.codes.NOT_FOUND == 404",
        ),
        "source": Edit(
            "httpx/_status_codes.py",
            "tests/test_status_codes.py::test_reason_phrase_for_status_code",
            "        try:",
        ),
    },
    "itsdangerous": {
        "test": Edit(
            "tests/test_itsdangerous/test_encoding.py",
            "tests/test_itsdangerous/test_encoding.py::test_want_bytes",
            "    out = want_bytes(",
        ),
        "source": Edit(
            "src/itsdangerous/encoding.py",
            "tests/test_itsdangerous/test_encoding.py::test_int_bytes",
            "    return _int_to_bytes(num).lstrip(",
        ),
    },
    "heavy": {
        "test": Edit("tests/test_m160.py", "tests/test_m160.py::test_compute", "    assert compute160(1)"),
        "source": Edit("app/m160.py", "tests/test_m160.py::test_compute", "    return x + 160"),
    },
}


class Project(Sample):
    """A copy of a prepared suite, imported from where it is, watched like any sample."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        self.root = folder / prepared.suite.name
        shutil.copytree(prepared.root, self.root, ignore=shutil.ignore_patterns(".enctest", "__pycache__"))
        self.runtime = Path(tempfile.mkdtemp(prefix="et-"))

    @property
    def env(self) -> dict[str, str]:
        """The environment for commands: the copy itself is what is imported, and bytecode is written."""
        variables = {name: value for name, value in super().env.items() if name != "PYTHONDONTWRITEBYTECODE"}
        source = self.root / "src"
        return variables | {"PYTHONPATH": str(source if source.is_dir() else self.root)}


def by_enctest(watch: Watch, edit: Edit, number: int) -> float:
    """Return seconds from save to the first result."""
    time.sleep(PAUSE)
    watch.mark()
    saved = edit.apply(watch.sample.root, number)
    finished = float(watch.wait_for("test_finished")["t"])
    watch.idle()
    return finished - saved


def by_process(project: Project, command: list[str], edit: Edit, number: int) -> float:
    """Return seconds from save to the end of a process that is started then."""
    saved = edit.apply(project.root, number)
    subprocess.run(command, cwd=project.root, check=False, stdout=subprocess.DEVNULL, env=project.env)
    return time.time() - saved


def peer_environment(prepared: Prepared, home: Path) -> Path:
    """Return the interpreter of an environment like the suite's, with the peer in it instead of enctest."""
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
        pinned = [line for line in frozen.splitlines() if "==" in line]
        install = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *pinned, *PEER], check=True)
        (place / "ready").touch()
    return python


def run(prepared: Prepared, kind: str, rounds: int, home: Path, *, peers: bool) -> dict[str, list[float]]:
    """Measure one kind of edit on one suite; return seconds per way."""
    edit = EDITS[prepared.suite.name][kind]
    times: dict[str, list[float]] = {"enctest": [], "pytest": [], "testmon": []}
    quiet = ["-q", "-p", "no:randomly", *prepared.suite.arguments]
    plain = [str(prepared.python), "-m", "pytest", *quiet, edit.test]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours, fresh, theirs = (Project(prepared, folder / name) for name in "abc")
        peer = [str(peer_environment(prepared, home)), "-m", "pytest", "--testmon", "-q"] if peers else []
        if peers:
            subprocess.run(peer, cwd=theirs.root, check=False, stdout=subprocess.DEVNULL, env=theirs.env)
        arguments = ["--python", str(prepared.python), *prepared.suite.arguments]
        watch = stack.enter_context(ours.watch(*arguments))
        for number in range(rounds + 2):
            took = {"enctest": by_enctest(watch, edit, number)}
            took["pytest"] = by_process(fresh, plain, edit, number)
            if peers:
                took["testmon"] = by_process(theirs, peer, edit, number)
            if number > 1:  # the first ones warm files and hosts up
                for way, seconds in took.items():
                    times[way].append(seconds)
    return times


def main() -> int:
    """Measure and print a table."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.save_to_result", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-peers", action="store_true", help="leave testmon out")
    options = parser.parse_args()
    names = options.names or list(NAMES)
    cache = (options.cache or cache_folder() / "suites").resolve()
    options.names = [name for name in names if name in SUITES]
    prepared = prepare_chosen(options) if options.names else []
    prepared += [heavy.prepare(cache)] if "heavy" in names else []
    print(f"{'project':<14}{'edit':<8}{'way':<10}{'p50 ms':>8}{'p95 ms':>8}{'to enctest':>12}", flush=True)
    for one in prepared:
        for kind in EDITS[one.suite.name]:
            times = run(one, kind, options.rounds, cache, peers=not options.no_peers)
            base = statistics.median(times["enctest"])
            for way, seconds in times.items():
                if seconds:
                    middle, high = statistics.median(seconds), sorted(seconds)[int(len(seconds) * 0.95)]
                    figures = f"{middle * 1000:>8.0f}{high * 1000:>8.0f}{middle / base:>12.1f}"
                    print(f"{one.suite.name:<14}{kind:<8}{way:<10}{figures}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
