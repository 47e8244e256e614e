"""Measures the screen in a pseudo-terminal: from key to change while 500 tests stream, and CPU.

A child process runs the app on a feed that streams runs of 500 tests with the spans of one; the parent
presses keys and reads the bytes that the app writes. Prints milliseconds from key to the first byte that
follows it in an otherwise unchanged place, and shares of one core.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte

ROOT = Path(__file__).resolve().parents[2]
COLUMNS, LINES = 120, 40
TESTS = 500
KEYS = 60


# --- the child: the app on a streaming feed ------------------------------------------------------------


def serve(*, streaming: bool) -> None:
    """Run the app on a feed that never rests, or on one with nothing to tell."""
    sys.path.insert(0, str(ROOT))
    from tests.tui.stage import FakeFeed, attached, make_app, state

    from enctest import events as ev
    from enctest_tui.start import spare_modules

    tests = [f"tests/test_{at // 25:02}.py::TestIt::test_{at}" for at in range(TESTS)]
    feed = FakeFeed(attached(*(state(test) for test in tests)), ev.Ready())
    app = make_app(feed, clock=time.monotonic_ns)

    async def stream() -> None:
        run = 0
        while True:
            run += 1
            feed.tell(ev.RunStarted(run=run, tests=tuple(tests), reason="asked"))
            for test in tests:
                feed.tell(*_one_test(run, test))
                await asyncio.sleep(0.004)
            feed.tell(ev.RunFinished(run=run, counts={"passed": TESTS}, duration_ms=1.0))

    def _one_test(run: int, test: str) -> Iterator[ev.ExplorerEvent]:
        now = time.monotonic_ns()
        yield ev.TestStarted(run=run, test=test)
        for span in range(1, 9):
            parent = span - 1 or None
            yield ev.SpanStarted(
                run=run, test=test, span=span, parent=parent, name="step", kind="internal", start_ns=now
            )
        for span in range(8, 0, -1):
            yield ev.SpanEnded(
                run=run, test=test, span=span, status="ok", duration_ms=1.0, end_ns=now + 1_000_000
            )
        yield ev.TestFinished(run=run, test=test, outcome="passed", duration_ms=1.0)

    spare_modules()

    async def run() -> None:
        task = asyncio.create_task(stream()) if streaming else None
        await app.run_async()
        if task is not None:
            task.cancel()

    asyncio.run(run())


# --- the parent: presses keys and looks -----------------------------------------------------------------


class Terminal:
    """The app in a pseudo-terminal, read through a screen emulator."""

    def __init__(self, *arguments: str, script: str = __file__) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8")
            os.execv(sys.executable, [sys.executable, script, *arguments])
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))

    def press(self, key: str) -> None:
        """Send a key."""
        os.write(self._fd, key.encode())

    def read(self, seconds: float) -> bool:
        """Take in what the app writes within `seconds`; false when it wrote nothing."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return False
        data = os.read(self._fd, 65536)
        self.taken(data)
        self._stream.feed(data)
        return True

    def taken(self, data: bytes) -> None:
        """Called with what the app has written."""

    def settle(self, seconds: float) -> None:
        """Take in everything for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.read(left)

    def cursor_line(self) -> int | None:
        """Return the line whose background is the cursor's: the one that differs from most on the left."""
        colours = [self.screen.buffer[line][2].bg for line in range(1, LINES - 3)]
        usual = max(set(colours), key=colours.count)
        return next((line for line, colour in enumerate(colours, 1) if colour != usual), None)

    def cpu_seconds(self) -> float:
        """Return the processor time that the app has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def worked_ms(self) -> float:
        """Return how long its threads have been on a processor, which other programs do not change."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def memory(self) -> int:
        """Return the bytes of memory that the app has."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> None:
        """Stop the app."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


def measure_keys(terminal: Terminal) -> list[float]:
    """Return the milliseconds from each key to the cursor standing on another line."""
    times = []
    for at in range(KEYS):
        before = terminal.cursor_line()
        terminal.press("j" if at % 20 < 10 else "k")
        start = time.perf_counter()
        while terminal.cursor_line() == before and time.perf_counter() - start < 2:
            terminal.read(0.05)
        times.append((time.perf_counter() - start) * 1000)
        terminal.settle(0.08)
    return times


def share(terminal: Terminal, seconds: float) -> float:
    """Return the share of a core that the app uses."""
    cpu, start = terminal.cpu_seconds(), time.monotonic()
    terminal.settle(seconds)
    return (terminal.cpu_seconds() - cpu) / (time.monotonic() - start)


def main() -> None:
    """Measure and print."""
    for name in ("idle", "streaming"):
        begun = time.perf_counter()
        terminal = Terminal("--serve", name)
        while not any("test_00.py" in line for line in terminal.screen.display):
            terminal.read(0.5)
        first = (time.perf_counter() - begun) * 1000
        terminal.settle(2.0)
        used = share(terminal, 5.0)
        times = sorted(measure_keys(terminal))
        terminal.end()
        p95 = times[int(len(times) * 0.95)]
        print(
            f"{name:<10} first tests {first:4.0f} ms   cpu {used:5.1%} of a core   key to screen "
            f"p50 {statistics.median(times):4.1f} ms   p95 {p95:4.1f} ms   max {times[-1]:4.1f} ms"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=["idle", "streaming"])
    serving = parser.parse_args().serve
    if serving:
        serve(streaming=serving == "streaming")
    else:
        main()
