"""Measures how long after its start a span is on the screen, while 10,000 events a second come.

    python -m tests.benchmarks.appearing [--rounds N] [--events N]

A test of a real project opens marked spans, ten a second, and within them as many short ones as it takes;
the app runs in a pseudo-terminal. A mark's name holds the time of its start (monotonic clock, the same
everywhere); counted is until the bytes that show it have been read. Prints percentiles in milliseconds.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.screen import Terminal
from tests.harness import Sample

SECONDS = 3.2
"""Of a flood: no more spans of a test are recorded than 20,000."""
_MARK = re.compile(rf"mark (\d{{{len(str(time.monotonic_ns()))}}})")
_TEST = """
import os
import time
from opentelemetry import trace

tracer = trace.get_tracer("flood")

def test_flood():
    begun, told, marks = time.perf_counter(), 0, 0
    while (now := time.perf_counter()) < begun + {seconds}:
        marks += 1
        with tracer.start_as_current_span(f"mark {{time.monotonic_ns()}}"):
            while time.perf_counter() < now + 0.1:
                while told < (time.perf_counter() - begun) * {events} and time.perf_counter() < now + 0.1:
                    with tracer.start_as_current_span("short"):
                        told += 2
                time.sleep(0.0005)
    with open(os.environ["XDG_RUNTIME_DIR"] + "/told", "a") as notes:
        print(marks, round(told / {seconds}), file=notes)
"""


class Watching(Terminal):
    """A terminal that notes when a mark is first seen."""

    def __init__(self, *arguments: str, script: str) -> None:
        self.latencies: dict[int, float] = {}
        self._rest = ""
        super().__init__(*arguments, script=script)

    def taken(self, data: bytes) -> None:
        """Look for marks."""
        now = time.monotonic_ns()
        text = self._rest + data.decode("utf-8", "replace")
        for found in _MARK.finditer(text):
            begun = int(found[1])
            self.latencies.setdefault(begun, (now - begun) / 1e6)
        self._rest = text[-80:]


def measure(sample: Sample, rounds: int) -> list[float]:
    """Run the test so many times with its trace on the whole screen; return all latencies (ms)."""
    os.environ.clear()
    os.environ.update(sample.env)
    os.chdir(sample.root)
    terminal = Watching(script=str(Path(sys.executable).with_name("enctest-tui")))
    try:
        _until(terminal, "1 passed")
        for key in ("G", "t", "j"):
            terminal.press(key)
            terminal.settle(0.5)
        terminal.latencies.clear()
        for _ in range(rounds):
            terminal.press("r")
            terminal.settle(SECONDS + 2.0)
    finally:
        terminal.end()
    return sorted(terminal.latencies.values())


def _until(terminal: Terminal, text: str) -> None:
    deadline = time.monotonic() + 60
    while not any(text in line for line in terminal.screen.display):
        terminal.read(0.5)
        if time.monotonic() > deadline:
            raise SystemExit("\n".join(terminal.screen.display))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.appearing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=10_000, help="starts and ends of spans a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = _TEST.format(seconds=SECONDS, events=options.events)
        sample = Sample(Path(folder), {"test_flood.py": source})
        times = measure(sample, options.rounds)
        os.chdir("/")
        told = [line.split() for line in (sample.runtime / "told").read_text().splitlines()][1:]
    if not times:
        raise SystemExit("no mark was seen")
    p50, p95 = (times[int(len(times) * share)] for share in (0.5, 0.95))
    marks, rate = sum(int(each) for each, _ in told), min(int(each) for _, each in told)
    print(
        f"{rate:,} events a second: {len(times)} of {marks} marks seen, "
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {times[-1]:.0f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
