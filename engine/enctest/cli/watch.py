"""`enctest watch`: the explorer without a screen, a line per event that matters."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from enctest.errors import EnctestError
from enctest.events import (
    BAD_OUTCOMES,
    Affected,
    Attached,
    Change,
    Collected,
    Databases,
    Error,
    Notice,
    Ready,
    RunFinished,
    RunStarted,
    Settled,
    SpanEnded,
    SpanStarted,
    TestFinished,
    TestStarted,
)
from enctest.explorer.client import Feed, Handle, connect, spawn
from enctest.paths import Project
from enctest.record import Event

_TOLD = (
    Collected,
    Ready,
    Change,
    RunStarted,
    TestStarted,
    SpanStarted,
    SpanEnded,
    TestFinished,
    RunFinished,
    Error,
    Affected,
)
_MARKS = {"passed": "✓", "failed": "✗", "error": "!", "crashed": "‡", "skipped": "-"}


def watch(args: Sequence[str], *, events: Path | None, python: str) -> int:
    """Watch until interrupted.

    Args:
        args: pytest arguments.
        events: A file that gets one JSON object per event and line, appended.
        python: The project's interpreter; empty finds one.

    Raises:
        EnctestError: The explorer did not start, or the events file cannot be written.
    """
    project = Project.find()
    handle = spawn(project, args, python)
    with contextlib.ExitStack() as stack:
        stream: IO[bytes] | None = None
        if events is not None:
            try:
                stream = stack.enter_context(events.open("ab", buffering=0))
            except OSError as error:
                raise EnctestError(f"--events {events}: {error.strerror}") from error
        return asyncio.run(_follow(handle, stream))


async def _follow(handle: Handle, stream: IO[bytes] | None) -> int:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    feed = await connect(handle, spans=stream is not None)
    stopped = asyncio.create_task(done.wait())
    try:
        while not done.is_set():
            arrived = asyncio.create_task(feed.wait())
            await asyncio.wait([arrived, stopped], return_when=asyncio.FIRST_COMPLETED)
            arrived.cancel()
            if not _tell(feed, stream):
                raise EnctestError(feed.closed, "Start enctest watch again.", exit_code=3)
    finally:
        stopped.cancel()
        await feed.close()
    return 0


def _tell(feed: Feed, stream: IO[bytes] | None) -> bool:
    """Print and write what has arrived; False once the explorer is gone."""
    while batch := feed.drain():
        for event in batch:
            line = describe(event)
            if line:
                print(line, flush=True)
            if stream is not None:
                _write(stream, event)
    return not feed.closed


def _write(stream: IO[bytes], event: Event) -> None:
    if isinstance(event, Attached) and event.tests:
        event = Collected(tests=tuple(test.info.test for test in event.tests))
    if isinstance(event, _TOLD):
        os.write(stream.fileno(), msgspec.json.encode(event) + b"\n")


def describe(event: Event) -> str:
    """Return an event as one line for people, or nothing."""
    told = _LINES.get(type(event))
    return told(event) if told else ""


def _result(event: TestFinished) -> str:
    mark = _MARKS.get(event.outcome, "·")
    line = f"  {mark} {event.test} ({event.duration_ms:.0f} ms)"
    return f"{line}\n      {event.message}" if event.outcome in BAD_OUTCOMES and event.message else line


def _summary(event: RunFinished) -> str:
    counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(event.counts.items()))
    stopped = f", {event.stopped}" if event.stopped else ""
    return f"run {event.run}: {counts or 'nothing run'}{stopped} in {event.duration_ms:.0f} ms"


def _databases(event: Databases) -> str:
    return "\n".join(f"database {d.name}: {d.state} {d.detail}".rstrip() for d in event.databases)


_LINES: dict[type[Event], Callable[[Any], str]] = {
    Attached: lambda e: f"watching {e.root} with {e.python}",
    Change: lambda e: f"changed: {', '.join(e.paths)}",
    Affected: lambda e: (
        f"affected: {len(e.tests)} of {e.total} tests"
        + (f", {len(e.known)} known from before" if e.known else "")
    ),
    RunStarted: lambda e: f"run {e.run}: {len(e.tests)} tests ({e.reason})",
    TestFinished: _result,
    RunFinished: _summary,
    Databases: _databases,
    Settled: lambda e: f"save to result: {e.ms:.0f} ms",
    Error: lambda e: f"error: {e.message}" + (f"\n  {e.hint}" if e.hint else ""),
    Notice: lambda e: str(e.message),
    Ready: lambda _: "ready",
}
