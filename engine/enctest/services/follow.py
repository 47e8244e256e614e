"""The current test goes along into threads and executors, and what it began there is looked for at its end.

Only while tests run: `install` puts a look in front of three functions of the standard library.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Final

from enctest.services import processes
from enctest.services.scope import Scope, Work, current
from enctest.tracing.hooks.imports import ImportWatcher

_IDLE_THREADS: Final = ("anyio.", "concurrent.futures", "enctest.")
"""Modules of thread classes and functions that wait for work, as pools do: no work of a test."""
_OURS = os.path.dirname(__file__)  # noqa: PTH120 - read at each start of a thread
_STANDARD = os.path.dirname(os.__file__)  # noqa: PTH120 - as above


class Forgettable:
    """A coroutine of an endpoint, which somebody has to await."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine

    def running(self) -> bool:
        """Tell whether nobody has awaited it."""
        return inspect.getcoroutinestate(self._coroutine) == inspect.CORO_CREATED

    def wait(self, seconds: float) -> None:
        """Nothing to wait for."""

    def drop(self) -> str:
        """Close it, so that Python does not warn as well."""
        self._coroutine.close()
        return f"the coroutine of {self._coroutine.__qualname__}(...), which was never awaited"


class _Thread:
    def __init__(self, thread: threading.Thread, place: str) -> None:
        self._thread = thread
        self._place = place

    def running(self) -> bool:
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        self._thread.join(seconds)

    def drop(self) -> str:
        return f"the thread {self._thread.name!r}, started {self._place}"


class _Future:
    def __init__(self, future: concurrent.futures.Future[Any], function: Any, place: str) -> None:
        self._future = weakref.ref(future)
        self._name = getattr(function, "__qualname__", type(function).__name__)
        self._place = place

    def running(self) -> bool:
        future = self._future()
        return future is not None and not future.done()

    def wait(self, seconds: float) -> None:
        future = self._future()
        if future is not None:
            concurrent.futures.wait([future], seconds)

    def drop(self) -> str:
        future = self._future()
        if future is not None:
            future.cancel()
        return f"{self._name}, handed to an executor {self._place}"


class _Task:
    def __init__(self, task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop, place: str) -> None:
        self._task = weakref.ref(task)
        self._loop = loop
        self._place = place

    def running(self) -> bool:
        task = self._task()
        return task is not None and not task.done() and not self._loop.is_closed()

    def wait(self, seconds: float) -> None:
        task = self._task()
        if task is None:
            return
        if self._loop.is_running():
            waiting = asyncio.run_coroutine_threadsafe(asyncio.wait([task], timeout=seconds), self._loop)
            concurrent.futures.wait([waiting], seconds + 1)
        else:
            self._loop.run_until_complete(asyncio.wait([task], timeout=seconds))

    def drop(self) -> str:
        task = self._task()
        name = "a task"
        if task is not None:
            coroutine = task.get_coro()
            name = f"the task {getattr(coroutine, '__qualname__', task.get_name())}"
            self._loop.call_soon_threadsafe(task.cancel)
            if not self._loop.is_running():
                self._loop.run_until_complete(asyncio.wait([task], timeout=1))
        return f"{name}, created {self._place}"


def leftovers(scope: Scope, limit: float) -> list[str]:
    """Wait for what a test began, at most `limit` seconds; return what still has not ended, given up."""
    deadline = time.monotonic() + limit
    pending = [work for work in scope.work if work.running()]
    for work in pending:
        work.wait(max(0.0, deadline - time.monotonic()))
    return [work.drop() for work in pending if work.running()]


# --- what goes along ---

_originals: list[tuple[Any, str, Any]] = []
_watchers: list[ImportWatcher] = []


def install() -> None:
    """Let the current test go along into threads and executors, and note what it begins."""
    if not _originals:
        _replace(threading.Thread, "start", _start)
        _replace(concurrent.futures.ThreadPoolExecutor, "submit", _submit)
        _replace(asyncio.BaseEventLoop, "create_task", _create_task)
        _watchers.append(processes.install(_replace))


def uninstall() -> None:
    """Put everything back."""
    while _watchers:
        _watchers.pop().uninstall()
    while _originals:
        owner, name, original = _originals.pop()
        setattr(owner, name, original)


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    replacement = make(original)
    replacement.__name__, replacement.__qualname__ = original.__name__, original.__qualname__
    replacement.__doc__, replacement.__wrapped__ = original.__doc__, original
    setattr(owner, name, replacement)
    _originals.append((owner, name, original))


def _start(original: Any) -> Any:
    def start(self: threading.Thread) -> None:
        scope = current()
        if scope is not None and not self._started.is_set():  # type: ignore[attr-defined]
            context, body = contextvars.copy_context(), self.run

            def run() -> None:
                vars(self).pop("run", None)
                context.run(body)

            self.run = run  # type: ignore[method-assign]
            if not self.daemon and not _is_idle(self):
                scope.note(_Thread(self, _place()))
        original(self)

    return start


def _submit(original: Any) -> Any:
    def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        scope = current()
        if scope is None:
            return original(self, fn, *args, **kwargs)
        context = contextvars.copy_context()
        # In a context of its own: the pool's threads, should it start one, belong to no test.
        future = contextvars.Context().run(original, self, context.run, fn, *args, **kwargs)
        scope.note(_Future(future, fn, _place()))
        return future

    return submit


def _create_task(original: Any) -> Any:
    def create_task(self: Any, coro: Any, **kwargs: Any) -> Any:
        task = original(self, coro, **kwargs)
        context = kwargs.get("context")
        scope = current() if context is None else context.run(current)
        if scope is not None:
            scope.note(_Task(task, self, _place()))
        return task

    return create_task


def work_of(future: concurrent.futures.Future[Any], function: Any) -> Work:
    """Return the work of an executor's future."""
    return _Future(future, function, _place())


def _is_idle(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    modules = (type(thread).__module__, getattr(target, "__module__", None) or "")
    return any(module.startswith(_IDLE_THREADS) for module in modules)


def _place() -> str:
    """Return `at file:line` of the innermost caller that is neither ours nor the standard library's."""
    frame = sys._getframe(2)  # noqa: SLF001 - `inspect` would read source files
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_OURS, "<")) and ("-packages" in name or not name.startswith(_STANDARD)):
            return f"at {name}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "by the standard library"
