"""Measures the screen of a big trace in a pseudo-terminal: until it is open, and from key to change.

A child process runs the app on a feed whose one test has a trace of N spans, encoded as the explorer sends
it; the parent presses keys and reads what the app writes. Prints milliseconds and the memory of the app.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.screen import Terminal  # noqa: E402 - the script is run from anywhere

from enctest import events as ev  # noqa: E402

SMALL, BIG = "a.py::test_small", "a.py::test_with_a_big_trace"
KEYS = (
    ("j", "next row"), ("k", "previous row"), ("\x04", "half a page"), ("h", "to the parent"),
    (" ", "fold it"), (" ", "unfold it"),
    (".", "next failure"), ("*", "next of the same"), ("z", "zoom to it"), ("+", "zoom in"), (">", "later"),
    ("0", "all of the time"), ("{", "a level less"), ("}", "a level more"), ("C", "fold all"),
    ("E", "unfold all"), ("G", "last row"), ("g", "first row"),
)  # fmt: skip
SEARCH, SEARCHING = "/step", "a letter of a search"
TEXT = "SELECT id, name FROM table_0 WHERE id = %s"


# --- the child ------------------------------------------------------------------------------------------


def spans(count: int) -> Iterator[ev.Span]:
    """Yield the spans of a test: steps of queries, a step in a hundred fails."""
    from tests.tui.traces import query, span

    end = count * 0.1
    yield span(1, None, "test", BIG, 0, end)
    yield span(2, 1, "phase", "call", 0.1, end - 0.1)
    number, step = 3, 0
    while number < count:
        below = min(2 + step % 8, count - number - 1)
        start = number * 0.1
        status: ev.SpanStatus = "error" if step % 100 == 99 else "ok"
        yield span(
            number, 2, "internal", f"step {step % 7}", start, start + below * 0.1 + 0.05, status=status
        )
        for at in range(below):
            text = TEXT.replace("0", str((step + at) % 5))
            begin = start + 0.02 + at * 0.1
            yield query(
                number + 1 + at, number, text, begin, begin + 0.06, at, code__file__path="shop/store.py"
            )
        number += below + 1
        step += 1


def serve(count: int) -> None:
    """Run the app."""
    import msgspec
    from tests.tui.stage import NOW, FakeFeed, attached, make_app, state

    from enctest_tui.start import spare_modules

    class EncodedFeed(FakeFeed):
        """Decodes the answer as a client does, when it is asked for."""

        def send(self, command: ev.Command) -> None:
            if isinstance(command, ev.Follow) and command.test == BIG:
                self.tell(msgspec.msgpack.decode(encoded, type=ev.Details))

    encoded = msgspec.msgpack.encode(
        ev.Details(t=NOW, test=BIG, run=1, outcome="passed", duration_ms=1.0, spans=tuple(spans(count)))
    )
    app = make_app(EncodedFeed(attached(state(SMALL), state(BIG)), ev.Ready(t=NOW)), clock=time.monotonic_ns)
    spare_modules()
    asyncio.run(app.run_async())


# --- the parent -----------------------------------------------------------------------------------------


Times = list[tuple[float, float]]
"""Milliseconds on the clock and on a processor."""


def press(terminal: Terminal, keys: str) -> tuple[float, float]:
    """Press keys; return how long it took until the screen was quiet again."""
    worked, start = terminal.worked_ms(), time.perf_counter()
    last, used = start, worked
    terminal.press(keys)
    while time.perf_counter() - start < 5:
        if terminal.read(0.15):
            last, used = time.perf_counter(), terminal.worked_ms()
        elif last > start:
            break
    return (last - start) * 1000, used - worked


def opening(terminal: Terminal) -> tuple[float, float]:
    """Select the test with the big trace; return how long it took until its spans were there."""
    while not any("test_small" in line for line in terminal.screen.display):
        terminal.read(0.5)
    terminal.settle(1.0)
    worked, start = terminal.worked_ms(), time.perf_counter()
    terminal.press("G")
    while not any("step 1" in line for line in terminal.screen.display):
        terminal.read(0.01)
    return (time.perf_counter() - start) * 1000, terminal.worked_ms() - worked


def shown(times: Times) -> str:
    """Return the medians and the longest, on the clock and on a processor."""
    clock, processor = zip(*times, strict=True)
    return (
        f"{statistics.median(clock):6.1f} ms, longest {max(clock):6.1f}   "
        f"processor {statistics.median(processor):6.1f} ms, longest {max(processor):6.1f}"
    )


def measure(count: int, rounds: int) -> None:
    """Measure a trace of so many spans, and print."""
    opened: Times = []
    times: dict[str, Times] = {name: [] for name in (*(name for _, name in KEYS), SEARCHING)}
    memory = 0
    for _ in range(rounds):
        terminal = Terminal("--serve", str(count), script=__file__)
        opened.append(opening(terminal))
        memory = terminal.memory()
        terminal.settle(0.5)
        press(terminal, "t")
        for key, name in KEYS:
            times[name].append(press(terminal, key))
        times[SEARCHING] += [press(terminal, key) for key in SEARCH][1:]
        terminal.end()
    print(f"{count:,} spans, {memory / 1e6:.0f} MB")
    for name, found in {"open": opened, **times}.items():
        print(f"  {name:<22} {shown(found)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=int)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    else:
        for each in options.counts:
            measure(each, options.rounds)
