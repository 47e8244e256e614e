"""Entry probes against `sys.monitoring`: which tells cheaper which functions ran in each test?

    PYTHONPATH=engine python3.13 -m tests.benchmarks.probes [--rounds N]

runs a made module of 2,000 functions, of which each of 300 "tests" calls 100, once, ten or a hundred times
each, and 500 functions of a "library", once. Plain; with the probes that enctest compiles in, looked at and
cleared after each test; and with local `PY_START` events on every function's code, disabled after the first
hit and restarted for each test. Prints
microseconds that a test costs beyond plain. Both must find the same functions. Needs Python 3.12 or newer.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
import time
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from enctest.selection.owners import Ledger, Owner
from enctest.selection.probe import Section, attach, instrument

FUNCTIONS, TESTS, CALLED, LIBRARY = 2_000, 300, 100, 500
SOURCE = "\n".join(f"def f{n}(a, b):\n    c = a + b\n    return c * {n}\n" for n in range(FUNCTIONS))
Body = Callable[[int], None]


def functions(code: CodeType) -> list[FunctionType]:
    """Execute the module; return its functions, in order."""
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - the made module above
    return [namespace[f"f{n}"] for n in range(FUNCTIONS)]


def body(found: list[FunctionType], calls: int) -> Body:
    """Return what a test does: the second of two neighbours calls half of the same functions."""

    library = functions(compile(SOURCE, "library", "exec"))[:LIBRARY]

    def run(test: int) -> None:
        for function in library:
            function(1, 2)
        first = test * CALLED // 2 % (FUNCTIONS - CALLED)
        for function in found[first : first + CALLED]:
            for _ in range(calls):
                function(1, 2)

    return run


def plain(calls: int) -> tuple[float, list[set[int]]]:
    """Return seconds, and nothing found."""
    run = body(functions(compile(SOURCE, "made", "exec")), calls)
    started = time.process_time()
    for test in range(TESTS):
        run(test)
    return time.process_time() - started, []


def probed(calls: int) -> tuple[float, list[set[int]]]:
    """Return seconds, and the functions found in each test, by entry probes."""
    tree = ast.parse(SOURCE)
    layout = instrument(tree)
    ledger = Ledger()
    section = Section(ledger.board, ledger.board.number(len(layout.names)), layout)
    run = body(functions(attach(compile(tree, "made", "exec"), section)), calls)
    found = []
    started = time.process_time()
    for test in range(TESTS):
        owner = Owner()
        ledger.push(owner)
        run(test)
        ledger.pop(owner)
        found.append(owner.blocks)
    return time.process_time() - started, found


def monitored(calls: int) -> tuple[float, list[set[int]]]:
    """Return seconds, and the functions found in each test, by `sys.monitoring`."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    event, disable = monitoring.events.PY_START, monitoring.DISABLE
    made = functions(compile(SOURCE, "made", "exec"))
    numbers = {function.__code__: number for number, function in enumerate(made)}
    seen: set[int] = set()

    def start(code: CodeType, _offset: int) -> object:
        seen.add(numbers[code])
        return disable

    tool = monitoring.PROFILER_ID
    monitoring.use_tool_id(tool, "probes")
    monitoring.register_callback(tool, event, start)
    for code in numbers:
        monitoring.set_local_events(tool, code, event)
    run = body(made, calls)
    found = []
    started = time.process_time()
    for test in range(TESTS):
        monitoring.restart_events()
        run(test)
        found.append(seen.copy())
        seen.clear()
    seconds = time.process_time() - started
    for code in numbers:
        monitoring.set_local_events(tool, code, 0)
    monitoring.free_tool_id(tool)
    return seconds, found


def main() -> int:
    """Print a line for each number of calls."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.probes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print("calls of each function   plain test   probes beyond   sys.monitoring beyond")
    for calls in (1, 10, 100):
        base, ours, theirs = [], [], []
        for _ in range(rounds):
            base.append(plain(calls)[0])
            seconds, found = probed(calls)
            ours.append(seconds)
            seconds, also = monitored(calls)
            theirs.append(seconds)
            if found != also:
                print("they found different functions", file=sys.stderr)
                return 1
        least = [min(times) / TESTS * 1e6 for times in (base, ours, theirs)]
        middle = [statistics.median(times) / TESTS * 1e6 for times in (base, ours, theirs)]
        print(
            f"{calls:22}   {least[0]:7.0f} us   {least[1] - least[0]:10.1f} us   "
            f"{least[2] - least[0]:18.1f} us"
            f"   (medians {middle[0]:.0f}, {middle[1] - middle[0]:.1f}, {middle[2] - middle[0]:.1f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
