"""`enctest stacks [NODEID]`: which tests run now, for how long, and where they are."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from enctest.errors import EnctestError
from enctest.events import Attached, ExplorerEvent, FindStacks, Stacked, Subscribe
from enctest.paths import Project
from enctest.wire import Unpacker, pack

_PATIENCE = 5.0
"""Seconds in which an explorer answers."""


def stacks(test: str = "") -> int:
    """Print where running tests are, those whose node id holds `test` or all.

    Raises:
        EnctestError: No explorer is open here, or no such test runs.
    """
    doors = sorted(Project.find().runtime.glob("*.sock"))
    answers = [answer for door in doors for answer in _asked(door, test)]
    if not answers:
        what = f"no test whose node id holds {test!r} runs" if test else "no test runs"
        raise EnctestError(
            f"{what} in an open enctest here",
            "Stacks are told of tests that run in enctest-tui or enctest watch, in this project.",
            exit_code=1,
        )
    for answer in answers:
        for line in render(answer, time.time()):
            print(line)
    return 0


def _asked(door: Path, test: str) -> Iterator[Stacked]:
    """Yield what one explorer tells; nothing when it is gone, or silent."""
    unpacker: Unpacker[ExplorerEvent] = Unpacker(ExplorerEvent)
    left: set[str] | None = None
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(str(door))
        connection.sendall(pack([Subscribe()]))
        until = time.monotonic() + _PATIENCE
        while left is None or (left and time.monotonic() < until):
            data = connection.recv(2**18)
            if not data:
                return
            for event in unpacker.feed(data):
                if isinstance(event, Attached) and left is None:
                    running = [state.info.test for state in event.tests if state.running]
                    left = {each for each in running if test in each}
                    connection.sendall(pack([FindStacks(test=each) for each in left]))
                elif isinstance(event, Stacked) and left and event.test in left:
                    left.discard(event.test)
                    yield event


def render(answer: Stacked, now: float) -> Iterator[str]:
    """Yield lines: the test, then each thread and task with its frames, the innermost last.

    Args:
        answer: Where a test is.
        now: Seconds since the epoch.
    """
    since = f"  running for {max(0.0, now - answer.since):.1f} s" if answer.since else ""
    yield f"{answer.test}{since}" + (f", pid {answer.pid}" if answer.pid else "")
    if answer.problem:
        yield f"  {answer.problem}"
    if answer.is_held:
        yield "  C code holds the interpreter, it seems: tasks cannot be told"
    for stack in answer.stacks:
        yield f"  {'thread' if stack.kind == 'main' else stack.kind} {stack.name}"
        first = next((at for at, frame in enumerate(stack.frames) if not frame.startswith(("/", "<"))), 0)
        if first:
            yield f"    … {first} calls of libraries"
        yield from (f"    {frame}" for frame in stack.frames[first:])
        if stack.waits:
            yield f"    waits for {stack.waits}"
