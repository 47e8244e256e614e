"""What `enctest` costs over `pytest` on a suite of one test, and what our plugin costs that nobody asks.

    python -m tests.benchmarks.startup [--rounds N]

runs both in turn on a made project, and prints median and least milliseconds of each, and of the differences
of each round; then the ratio of a bare `pytest` to one with `-p no:enctest`, on one test and on 500.
Exits with 1 where the median difference is above 150 ms, or a ratio above 1.1.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.harness import Sample

LIMIT_MS = 150.0
LIMIT_RATIO = 1.1
_WITHOUT = ("-m", "pytest", "-p", "no:enctest")
_PYTEST = ("-m", "pytest")
_ENCTEST = ("-P", "-c", "import enctest.cli, sys; sys.exit(enctest.cli.main())")


def measure(sample: Sample, command: tuple[str, ...]) -> float:
    """Return the milliseconds that a run takes."""
    env = {name: value for name, value in sample.env.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *command, "-q"],
        cwd=sample.root,
        env=env,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return (time.perf_counter() - started) * 1000


def main() -> int:
    """Measure and print."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder), {"test_one.py": "def test_one(): pass\n"})
        measure(sample, _PYTEST)
        measure(sample, _ENCTEST)
        pairs = [(measure(sample, _PYTEST), measure(sample, _ENCTEST)) for _ in range(options.rounds)]
    for name, values in (
        ("pytest", [plain for plain, _ in pairs]),
        ("enctest", [ours for _, ours in pairs]),
        ("difference", [ours - plain for plain, ours in pairs]),
    ):
        print(f"{name:12}{statistics.median(values):>8.0f} ms median{min(values):>8.0f} ms least")
    ratios = [_silent(tests, options.rounds) for tests in (1, 500)]
    dear = statistics.median(ours - plain for plain, ours in pairs) > LIMIT_MS
    return 1 if dear or max(ratios) > LIMIT_RATIO else 0


def _silent(tests: int, rounds: int) -> float:
    """Print and return the median ratio of a run with our plugin, which nobody asks, to one without it."""
    text = "".join(f"def test_{number}(): pass\n" for number in range(tests))
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder), {"test_them.py": text})
        for command in (_WITHOUT, _PYTEST):
            measure(sample, command)
        pairs = [(measure(sample, _WITHOUT), measure(sample, _PYTEST)) for _ in range(rounds)]
    ratio = statistics.median(ours / without for without, ours in pairs)
    print(f"not asked, {tests} tests{ratio:>8.2f} times pytest without the plugin")
    return ratio


if __name__ == "__main__":
    sys.exit(main())
