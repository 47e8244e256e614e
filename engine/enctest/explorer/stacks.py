"""Where a test that runs now is: asks its worker, from outside, and does not wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace as _with

from enctest.events import Stacked
from enctest.session.stacks import SIGNAL, answer_file, parse
from enctest.tracing.callsite import Frames

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer

_PATIENCE = 1.0
"""Seconds in which a worker answers that can run Python code at all."""
_LOOK = 0.01


async def find_stacks(explorer: Explorer, test: str) -> Stacked:
    """Return where a running test is; what cannot be told is said in `problem`."""
    running = explorer.running
    found = running.where(test) if running is not None else None
    if running is None or found is None:
        return Stacked(run=0, test=test, problem="it does not run now")
    process, since = found
    about = Stacked(run=running.job.run, test=test, since=since, worker=process.job.worker, pid=process.pid)
    path = Path(answer_file(str(explorer.project.runtime), process.job.stream))
    try:
        before = path.stat().st_size  # noqa: ASYNC240 - in memory
        os.kill(process.pid, SIGNAL)
    except OSError:
        return _with(about, problem="its worker cannot be asked")
    running.stacks.pop(test, None)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process in running.current:
        if (told := running.stacks.get(test)) is not None:
            return _with(about, stacks=told.stacks)
        await asyncio.sleep(_LOOK)
    with contextlib.suppress(OSError):
        text = path.read_bytes()[before:].decode(errors="replace")  # noqa: ASYNC240 - as above
        if stacks := parse(text, Frames(str(explorer.project.root))):
            return _with(about, stacks=tuple(stacks), is_held=True)
    return _with(about, problem="its worker does not answer")
