"""What recording dependencies and tracing cost, in turns with plain pytest, on real suites.

    python -m tests.benchmarks.recording [--cache FOLDER] [--python PYTHON] [--rounds N] [NAME ...]

runs suites of `suites.py`, or with `--root FOLDER` any project, by PYTHON (which needs what the project
needs, pytest and msgspec; default: the suite's own). Three ways: plain; recorded; and recorded, traced and
reported, with all that a plain `enctest` run adds. The children import the same modules first and time only
the session, in processor time, so that a busy machine counts less. The first round, which fills caches, does
not count. Exits with 1 where the median ratio is over the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enctest.session.emitter import Emitter

_ENGINE = Path(__file__).parents[2] / "engine"
_QUIET = ("-q", "-p", "no:randomly", "--no-header", "-p", "no:enctest")
MODES = ("plain", "recorded", "recorded and traced")
LIMIT = 1.10
"""What recording and tracing together may cost, times plain pytest."""


def main() -> int:
    """Run the rounds of each suite; 1 where a median ratio is over the limit."""
    from tests.benchmarks.suites import add_arguments, prepare_chosen

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--root", type=Path, help="measure this project instead of suites")
    parser.add_argument("--python", default="", help="run by this interpreter")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if options.root is not None:
        python = options.python or sys.executable
        return int(compare(options.root.name, options.root.resolve(), python, (), options.rounds) > LIMIT)
    ratios = [
        compare(
            each.suite.name,
            each.root,
            options.python or str(each.python),
            each.suite.arguments,
            options.rounds,
        )
        for each in prepare_chosen(options)
    ]
    return int(max(ratios) > LIMIT)


def compare(name: str, root: Path, python: str, args: Sequence[str], rounds: int) -> float:
    """Print medians and ratios; return the median ratio of everything to nothing."""
    times: dict[str, list[float]] = {mode: [] for mode in MODES}
    with tempfile.TemporaryDirectory() as state:
        for number in range(rounds + 1):
            for mode in MODES if number % 2 else reversed(MODES):
                seconds = _child(mode, root, python, state, args)
                if number:
                    times[mode].append(seconds)
    print(name, flush=True)
    ratio = 0.0
    for mode in MODES:
        pairs = zip(times[mode], times["plain"], strict=True)
        ratio = statistics.median(own / plain for own, plain in pairs)
        least = min(times[mode]) / min(times["plain"])
        print(
            f"  {mode:20} median {statistics.median(times[mode]):.3f} s   least {min(times[mode]):.3f} s   "
            f"ratio of medians {ratio:.3f}   of the least {least:.3f}",
            flush=True,
        )
    return ratio


def _child(mode: str, root: Path, python: str, state: str, args: Sequence[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = [str(_ENGINE), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path).rstrip(os.pathsep)
    out = Path(state) / "seconds"
    command = [python, __file__, "--child", mode, str(root), state, str(out), *args]
    subprocess.run(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, check=False)
    seconds: float = json.loads(out.read_text())
    return seconds


class _Start:
    """Arms what is measured where a plain run arms it."""

    def __init__(self, mode: str, root: Path, state: Path) -> None:
        self._mode, self._root, self._state = mode, root, state
        self.emitter: Emitter | None = None

    def _arm(self, config: Any) -> None:
        from enctest.record import Record
        from enctest.selection.pytest_plugin import RecordingPlugin
        from enctest.selection.recorder import Recorder
        from enctest.selection.records import Records
        from enctest.session.emitter import Emitter
        from enctest.session.freezing import Freezing
        from enctest.session.instruments import Instruments
        from enctest.session.job import Job
        from enctest.session.report_plugin import ReportPlugin

        if self._mode != "plain":
            Freezing().arm(config)
        if self._mode == "recorded":
            records: list[Record] = []
            recorder = Recorder(self._root, Records(1, records.append), self._state)
            recorder.install()
            config.pluginmanager.register(RecordingPlugin(recorder))
        elif self._mode == "recorded and traced":
            out = os.open(self._state / "frames", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            emitter = self.emitter = Emitter(out)
            emitter.start_without_thread()
            job = Job(run=1, reason="", root=str(self._root), state=str(self._state))
            Instruments(job, emitter).arm(config)
            report = ReportPlugin(job, emitter.emit, emitter.relieve, adjust=False)
            config.pluginmanager.register(report, "enctest-report")


def child(mode: str, root: str, state: str, out: str, *args: str) -> int:
    """Run one session and write how many seconds of processor time it took."""
    import pytest

    class Start(_Start):
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Generator[None, Any, Any]:
            self._arm(early_config)
            return (yield)

    import enctest.session.spool  # noqa: F401 - as in a worker: imported before the session begins
    from enctest.tracing.hooks import import_hooks

    import_hooks()

    sys.path[0] = root
    start = Start(mode, Path(root), Path(state))
    begun = time.process_time()
    code = int(pytest.main([*_QUIET, *args], plugins=[start]))
    if start.emitter is not None:
        start.emitter.close()
    Path(out).write_text(json.dumps(time.process_time() - begun))
    return code


if __name__ == "__main__":
    sys.exit(child(*sys.argv[2:]) if sys.argv[1:2] == ["--child"] else main())
