"""What a call through the class costs: `python -m tests.benchmarks.endpoints`.

Prints microseconds that `Sums.add(1, 2)` takes beyond the plain method of an instance (medians of rounds
that take turns): outside of tests, and inside of one under bare pytest, with and without spans recorded.
The limits are 10 us outside, and 30 us inside without spans.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import BaseModel

from enctest import Service, api

ROUNDS = 25
TIMES = 2000


class Line(BaseModel):
    """What endpoints of real services take."""

    item: str
    pieces: int
    notes: list[str] = []


class Sums(Service):
    """Does next to nothing."""

    @api
    def add(self, first: int, second: int) -> int:
        """Add two numbers."""
        return first + second

    @api
    def order(self, line: Line) -> Line:
        """Return what is given."""
        return line

    @api
    async def aadd(self, first: int, second: int) -> int:
        """Add two numbers, in a coroutine."""
        return first + second


PLAIN = Sums()
LINE = Line(item="pen", pieces=3, notes=["blue"])


def measure(operation: Callable[[], object]) -> float:
    """Return CPU microseconds of this thread per call."""
    begin = time.thread_time_ns()
    for _ in range(TIMES):
        operation()
    return (time.thread_time_ns() - begin) / TIMES / 1000


async def ameasure(operation: Callable[[], Awaitable[object]]) -> float:
    """Return CPU microseconds of this thread per awaited call."""
    begin = time.thread_time_ns()
    for _ in range(TIMES):
        await operation()
    return (time.thread_time_ns() - begin) / TIMES / 1000


def cost(plain: Callable[[], object], through: Callable[[], object]) -> float:
    """Return how many microseconds `through` takes beyond `plain`."""
    pairs = [(measure(plain), measure(through)) for _ in range(ROUNDS)]
    return statistics.median(after - before for before, after in pairs)


async def acost(plain: Callable[[], Awaitable[object]], through: Callable[[], Awaitable[object]]) -> float:
    """Return what `cost` does, for coroutines."""
    pairs = [(await ameasure(plain), await ameasure(through)) for _ in range(ROUNDS)]
    return statistics.median(after - before for before, after in pairs)


def figures() -> dict[str, float]:
    """Return what the kinds of endpoints cost, where this is called."""
    return {
        "two numbers": cost(lambda: PLAIN.add(1, 2), lambda: Sums.add(1, 2)),
        "a model with a list": cost(lambda: PLAIN.order(LINE), lambda: Sums.order(LINE)),
        "two numbers, async": asyncio.run(acost(lambda: PLAIN.aadd(1, 2), lambda: Sums.aadd(1, 2))),
    }


TEST = """
import json
import os
import pathlib
from tests.benchmarks import endpoints

def test_cost():
    pathlib.Path(os.environ["FIGURES"]).write_text(json.dumps(endpoints.figures()))
"""


def inside(imports: str = "") -> dict[str, float]:
    """Return the figures of a test under bare pytest, in a project of its own."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory(prefix="endpoints-") as folder:
        test, found = Path(folder, "test_cost.py"), Path(folder, "figures.json")
        test.write_text(imports + TEST, encoding="utf-8")
        path = os.pathsep.join([str(root), str(root / "engine")])
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", str(test)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path, "FIGURES": str(found)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        result: dict[str, float] = json.loads(found.read_text(encoding="utf-8"))
        return result


def main() -> None:
    """Print the table."""
    columns = {
        "outside (<= 10)": figures(),
        "in a test (<= 30)": inside(),
        "with spans": inside("from enctest import et\n"),
    }
    print(f"{'microseconds beyond the method':32}" + "".join(f"{name:>20}" for name in columns))
    for kind in columns["with spans"]:
        print(f"{kind:32}" + "".join(f"{column[kind]:20.1f}" for column in columns.values()))


if __name__ == "__main__":
    main()
