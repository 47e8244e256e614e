"""Coroutines that have to be run from plain code."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable
from typing import Any


def running() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def finish(work: Awaitable[Any], loop: asyncio.AbstractEventLoop | None = None, limit: float = 30.0) -> Any:
    """Run `work` to its end and return its result.

    Args:
        work: A coroutine or another awaitable.
        loop: The event loop it belongs to; a new one is made where that is gone, or None.
        limit: Seconds to wait for a loop that runs in another thread.
    """
    here = running()
    if loop is not None and not loop.is_closed() and loop is not here:
        if loop.is_running():
            return asyncio.run_coroutine_threadsafe(_awaiting(work), loop).result(limit)
        if here is None:
            return loop.run_until_complete(_awaiting(work))
    if here is None:
        return asyncio.run(_awaiting(work))
    return _in_thread(work)


async def _awaiting(work: Awaitable[Any]) -> Any:
    return await work


def _in_thread(work: Awaitable[Any]) -> Any:
    """Run `work` in a thread and a loop of its own, since this thread's loop waits for us."""
    found: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(_awaiting(work)))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="enctest coroutine")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]
