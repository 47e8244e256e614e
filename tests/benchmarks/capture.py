"""What capture costs the code under test: `python tests/benchmarks/capture.py [POSTGRES_URL]`.

Prints microseconds per operation on the test's own thread: with capture, without, and the difference
(medians of alternating rounds). A thread encodes and drops the records meanwhile, as in a worker.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from enctest.tracing.capture import Capture
from enctest.tracing.steps import Item
from enctest.wire import pack

ROUNDS = 15
TIMES = 400


class Drain:
    """Encodes what is queued each 20 ms, and throws it away."""

    def __init__(self) -> None:
        self.queue: deque[Item] = deque()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(0.02):
            records = []
            while self.queue:
                item = self.queue.popleft()
                records.append(item() if callable(item) else item)
            pack(records)


def measure(operation: Callable[[], object]) -> float:
    """Return CPU microseconds of this thread per call."""
    begin = time.thread_time_ns()
    for _ in range(TIMES):
        operation()
    return (time.thread_time_ns() - begin) / TIMES / 1000


def compare(name: str, capture: Capture, operation: Callable[[], object]) -> None:
    """Measure an operation in alternating rounds, in a test and outside of any."""
    on, off = [], []
    for number in range(ROUNDS):
        off.append(measure(operation))
        capture.recorder.begin_test(f"test_{number}")
        on.append(measure(operation))
        capture.recorder.end_test("ok")
    with_capture, without = statistics.median(on), statistics.median(off)
    print(f"{name:28} {with_capture:8.1f} {without:8.1f} {with_capture - without:8.1f}")


def _join(thread: threading.Thread) -> None:
    thread.start()
    thread.join()


def main(url: str | None) -> None:
    drain = Drain()
    capture = Capture(1, drain.queue.append)
    capture.instrumentation.arm()
    recorder = capture.recorder
    print(f"{'microseconds per operation':28} {'with':>8} {'without':>8} {'cost':>8}")

    def span() -> None:
        recorder.end(recorder.start("x", "internal", {"a": 1, "b": "text"}))

    def block() -> None:
        with recorder.span("x", "internal", {"a": 1, "b": "text"}):
            pass

    compare("span, start and end", capture, span)
    compare("span, with block", capture, block)
    compare("event", capture, lambda: recorder.event("x", {"a": 1}))
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("shop")

    def sdk_span() -> None:
        with tracer.start_as_current_span("x", attributes={"a": 1, "b": "text"}):
            pass

    compare("span of OpenTelemetry's SDK", capture, sdk_span)
    thread = threading.Thread
    compare("thread, start and join", capture, lambda: _join(thread(target=int)))
    database = sqlite3.connect(":memory:")
    compare("sqlite3 query", capture, lambda: database.execute("SELECT ?", (1,)))
    database.close()
    if url:
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            compare("psycopg query", capture, lambda: connection.execute("SELECT %s::int", (1,)))
    capture.disarm()
    drain.stop()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
