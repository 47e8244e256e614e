"""What recording dependencies costs: pytest with a recorder against plain pytest, in turns, on a real suite.

Usage: recording.py ROOT [--python PYTHON] [--pairs N] [PYTEST ARGS]

PYTHON needs pytest, msgspec and the project under test. Both children import the same modules first and time
only the session, as in a worker that was forked from a warm host, in processor time, so that a busy machine
counts less. The first pair, in which the project's files are compiled and kept, does not count.
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
from collections.abc import Generator
from pathlib import Path
from typing import Any

_ENGINE = Path(__file__).parents[2] / "engine"
_QUIET = ("-q", "-p", "no:randomly", "--no-header")


def main() -> int:
    """Run the pairs and print medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--pairs", type=int, default=7)
    options, args = parser.parse_known_args()
    pairs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as state:
        for number in range(options.pairs + 1):
            order = ("plain", "recorded") if number % 2 else ("recorded", "plain")
            times = {mode: _child(mode, options, state, args) for mode in order}
            if number:
                pairs.append((times["plain"], times["recorded"]))
                print(f"plain {pairs[-1][0]:.3f} s   recorded {pairs[-1][1]:.3f} s", flush=True)
    ratios = [recorded / plain for plain, recorded in pairs]
    plain, recorded = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"medians: plain {plain:.3f} s   recorded {recorded:.3f} s")
    print(f"ratio: median {statistics.median(ratios):.3f}   least {min(ratios):.3f}   most {max(ratios):.3f}")
    return 0


def _child(mode: str, options: argparse.Namespace, state: str, args: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join([str(_ENGINE), environment.get("PYTHONPATH", "")]).rstrip(
        os.pathsep
    )
    out = Path(state) / "seconds"
    command = [options.python, __file__, "--child", mode, str(options.root.resolve()), state, str(out), *args]
    subprocess.run(command, cwd=options.root, env=environment, stdout=subprocess.DEVNULL, check=False)
    seconds: float = json.loads(out.read_text())
    return seconds


def child(mode: str, root: str, state: str, out: str, *args: str) -> int:
    """Run one session and write how many seconds of processor time it took."""
    import pytest

    from enctest.record import Record
    from enctest.selection.pytest_plugin import RecordingPlugin
    from enctest.selection.recorder import Recorder
    from enctest.selection.records import Records

    records: list[Record] = []

    class Start:
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Generator[None, Any, Any]:
            if mode == "recorded":
                recorder = Recorder(Path(root), Records(1, records.append), Path(state))
                recorder.install()
                early_config.pluginmanager.register(RecordingPlugin(recorder))
            return (yield)

    sys.path[0] = root
    begun = time.process_time()
    code = int(pytest.main([*_QUIET, *args], plugins=[Start()]))
    Path(out).write_text(json.dumps(time.process_time() - begun))
    return code


if __name__ == "__main__":
    sys.exit(child(*sys.argv[2:]) if sys.argv[1:2] == ["--child"] else main())
