"""How long it takes to compare two traces, as a failing run with its last pass.

    python -m tests.benchmarks.comparison [--rounds N]

The traces are made: requests, each with services, queries and log records, a tenth of them changed, added or
missing in the second one. Printed are milliseconds of processor time in the median, from the folded traces to
the common tree, for 1,000, 10,000 and 50,000 spans, and what it found.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator

from enctest.events import Span
from enctest.tracing.comparison import compare
from enctest.tracing.model import Trace

SIZES = (1_000, 10_000, 50_000)
_QUERY = "select {} from t where id = {}"
_BELOW = 9
"""Spans below each request."""


def main() -> int:
    """Print one line per size."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.comparison", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for size in SIZES:
        before, now = Trace(made(size, 0.0)), Trace(made(size, 0.1))
        times = []
        for _ in range(rounds):
            begun = time.process_time()
            found = compare(before.tops(), now.tops())
            times.append(time.process_time() - begun)
        counts = ", ".join(f"{number} {state}" for state, number in sorted(found.counts.items()))
        print(f"{len(before):6} and {len(now):6} spans  {statistics.median(times) * 1000:7.1f} ms   {counts}")
    return 0


def made(size: int, changed: float) -> Iterator[Span]:
    """Yield about `size` spans, a share of them changed."""
    chance = random.Random(3)  # noqa: S311 - nothing is secret
    yield _span(1, None, "test", 0)
    for request in range(size // (_BELOW + 1)):
        first = 2 + request * (_BELOW + 1)
        yield _span(first, 1, f"step {request % 97}", 0)
        for number in range(first + 1, first + 1 + _BELOW):
            lucky = chance.random() < changed
            if lucky and number % 3 == 0:
                continue
            name = "new" if lucky and number % 3 == 1 else f"query {number % 7}"
            yield _span(number, first, name, int(lucky and number % 3 == 2))


def _span(number: int, parent: int | None, name: str, value: int) -> Span:
    attributes = {"db.query.text": _QUERY.format(name, number), "value": value}
    return Span(
        span=number,
        parent=parent,
        name=name,
        kind="db" if name.startswith("query") else "internal",
        start_ns=number * 1000,
        end_ns=number * 1000 + 900,
        status="ok",
        attributes=attributes,
    )


if __name__ == "__main__":
    sys.exit(main())
