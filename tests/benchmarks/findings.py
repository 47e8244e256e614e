"""How long it takes to look through a trace: findings, figures, statistics by operation, critical path.

    python -m tests.benchmarks.findings [--rounds N]

The traces are made: requests, each with services, queries with arguments and call sites, every tenth with a
loop of queries. Printed are milliseconds of processor time in the median for 1,000, 10,000 and 50,000 spans,
each also as a multiple of what it takes to fold the stored spans into the tree.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import time
from collections.abc import Callable, Iterator

from enctest.config import FindingSettings
from enctest.events import Span
from enctest.tracing import critical_path
from enctest.tracing import statistics as operations
from enctest.tracing.figures import figures
from enctest.tracing.findings.finder import Finder
from enctest.tracing.model import Trace

SIZES = (1_000, 10_000, 50_000)
_QUERY = "select * from t{} where id = %s"
_BELOW = 9
"""Spans below each request."""


def main() -> int:
    """Print one line per size."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.findings", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for size in SIZES:
        spans = tuple(made(size))
        trace = Trace(spans)
        found = Finder("/nowhere", FindingSettings()).find("test", trace)
        fold = _measured(functools.partial(Trace, spans), rounds)
        print(f"{len(trace):6} spans, {len(found)} findings; folding {fold:.1f} ms", end="")
        for name, work in _works(trace).items():
            ms = _measured(work, rounds)
            print(f"; {name} {ms:.1f} ms ({ms / fold:.2f} times)", end="")
        print()
    return 0


def _works(trace: Trace) -> dict[str, Callable[[], object]]:
    top = trace.tops()[0]
    return {
        "findings": lambda: Finder("/nowhere", FindingSettings()).find("test", trace),
        "figures": lambda: figures(trace),
        "statistics": lambda: operations.statistics([top], 0),
        "critical path": lambda: critical_path.steps(top, 0),
    }


def _measured(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return statistics.median(times) * 1000


def made(size: int) -> Iterator[Span]:
    """Yield about `size` spans; every tenth request asks for rows one by one."""
    last = 10 + size * 1000
    yield _span(1, None, "test", "test", 0, last, {"code.file.path": "tests/test_it.py"})
    yield _span(2, 1, "call", "phase", 1, last, {"pytest.phase": "call"})
    for request in range(size // (_BELOW + 1)):
        first = 3 + request * (_BELOW + 1)
        start = first * 1000
        end = start + 1000 * (_BELOW + 1)
        yield _span(first, 2, f"GET /{request % 97}", "server", start, end, {"http.route": "/"})
        for number in range(first + 1, first + 1 + _BELOW):
            at = start + 1000 * (number - first)
            loop = request % 10 == 0 and number > first + 4
            yield _query(number, first, at, _QUERY.format(0 if loop else number % 7), loop)


def _query(number: int, parent: int, at: int, text: str, loop: bool) -> Span:
    attributes = {
        "db.query.text": text,
        "db.operation.name": "SELECT",
        "db.collection.name": "t",
        "db.query.parameters": [str(number)],
        "code.file.path": "shop/store.py",
        "code.line.number": 3 if loop else 10 + number % 50,
    }
    return _span(number, parent, "SELECT t", "db", at, at + 900, attributes)


def _span(
    number: int, parent: int | None, name: str, kind: str, start: int, end: int, attributes: dict[str, object]
) -> Span:
    return Span(
        span=number,
        parent=parent,
        name=name,
        kind=kind,  # type: ignore[arg-type]
        start_ns=start,
        end_ns=end,
        status="ok",
        attributes=attributes,
    )


if __name__ == "__main__":
    sys.exit(main())
