"""What `enctest` costs over `pytest` on a suite of one test.

    python -m tests.benchmarks.startup [--rounds N]

runs both in turn on a made project, and prints median and least milliseconds of each, and of the differences
of each round. Exits with 1 where the median difference is above 150 ms.
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
    return 0 if statistics.median(ours - plain for plain, ours in pairs) <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
