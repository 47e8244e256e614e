"""Instances of services: made on the first call, once, shared afterwards, closed at the end."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import inspect
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from enctest.services import loops, nobodys_time, spans
from enctest.services.errors import StartCycleError, StartError
from enctest.services.scope import CURRENT, Scope, current
from enctest.shared import made_for_all

if TYPE_CHECKING:
    from enctest.services.service import Service

ISOLATION: Final = "service isolation"
"""Key of a scope's values: whether each test has instances of its own."""
_INSTANCES: Final = "instances"

_lock = threading.RLock()
_shared: dict[Any, Start] = {}
_starting: ContextVar[tuple[Start, ...]] = ContextVar("enctest_starting", default=())


class Start:
    """One attempt to start a service, and what came of it.

    Attributes:
        instance: The service, once it has started.
        loop: The event loop that an asynchronous start ran in; an instance does not outlive it.
    """

    __slots__ = ("_done", "_here", "_waits", "home", "instance", "loop", "service", "shared")

    def __init__(self, service: type[Service], home: MutableMapping[Any, Start]) -> None:
        self.service = service
        self.shared = home is _shared
        self.home = home
        self.instance: Service | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._done: concurrent.futures.Future[StartError | StartCycleError | None] = (
            concurrent.futures.Future()
        )
        self._waits: set[Start] = set()
        self._here = loops.running()

    @property
    def usable(self) -> bool:
        """Whether there is an instance, whose loop is still there."""
        return self.instance is not None and (self.loop is None or not self.loop.is_closed())

    @property
    def over(self) -> bool:
        """Whether the attempt has come to an end."""
        return self._done.done()

    # --- the one that starts ---

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Hold what is true while a start runs: its place among others, its span, its scope."""
        scope = current()
        home = list(scope.up())[-1] if scope is not None and self.shared else scope
        starting = _starting.set((*_starting.get(), self))
        token = CURRENT.set(home)
        begun = time.perf_counter_ns()
        attributes = {"enctest.service": self.service.__name__, "enctest.service.shared": self.shared}
        uncounted = self.shared and scope is not None and scope.outlet is None  # not in a test's process
        span = spans.begin(f"start {self.service.__name__}", "internal", attributes, beside=uncounted)
        try:
            with made_for_all(_file(self.service) if self.shared else None):
                yield
        except BaseException as error:
            spans.fail(span, error)
            told = self._told(error)
            self._fail(told)
            if told is error:
                raise
            raise told from error
        finally:
            CURRENT.reset(token)
            _starting.reset(starting)
            if uncounted:
                nobodys_time.add(begun, time.perf_counter_ns())
        spans.end(span)
        self._done.set_result(None)

    def run(self) -> Service:
        """Start the service in plain code."""
        with self.attempt():
            instance = self.service()
            outcome = instance.start()
            if inspect.isawaitable(outcome):
                loops.finish(outcome)
            self.instance = instance
        return instance

    async def arun(self) -> Service:
        """Start the service in a coroutine."""
        with self.attempt():
            instance = self.service()
            outcome = instance.start()
            if inspect.isawaitable(outcome):
                await outcome
                self.loop = asyncio.get_running_loop()
            self.instance = instance
        if self.loop is not None:
            await _close_with(self.loop, self)
        return instance

    def _fail(self, told: BaseException) -> None:
        """Make way for the next attempt; tell those who wait, who try themselves if this one broke off."""
        _take(self.home, self)
        self._done.set_result(told if isinstance(told, StartError | StartCycleError) else None)

    def _told(self, error: BaseException) -> BaseException:
        """Return what the caller sees of an error: cycles and interruptions as they are."""
        if isinstance(error, StartCycleError) or not isinstance(error, Exception):
            return error
        cause = error.title if isinstance(error, StartError) else f"{type(error).__name__}: {error}"
        told = StartError(f"{self.service.__name__} could not start: {cause}", "The next call tries again.")
        told.__cause__ = error
        return told

    # --- those that wait ---

    def wait(self) -> None:
        """Wait until the attempt is over.

        Raises:
            StartError: It failed.
            StartCycleError: It waits for us.
        """
        here = loops.running()
        if here is not None and here is self._here and not self.over:
            raise StartCycleError(
                f"{self.service.__name__} is being started by a task of this event loop, which cannot go on "
                "while a plain call waits for it",
                "Call an asynchronous endpoint of it, or start it before: await one of its endpoints first.",
            )
        with self._waiting():
            self._judge(self._done.result())

    async def await_(self) -> None:
        """Wait as `wait` does, in a coroutine."""
        with self._waiting():
            self._judge(await asyncio.shield(asyncio.wrap_future(self._done)))

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        chain = _starting.get()
        with _lock:
            refuse_cycle(self, chain)
            if chain:
                chain[-1]._waits.add(self)  # noqa: SLF001 - another of this class
        try:
            yield
        finally:
            if chain:
                chain[-1]._waits.discard(self)  # noqa: SLF001 - another of this class

    def _judge(self, outcome: StartError | StartCycleError | None) -> None:
        if outcome is not None:
            raise type(outcome)(outcome.title, outcome.hint) from outcome.__cause__ or outcome

    def path_to(self, chain: tuple[Start, ...]) -> list[Start]:
        """Return this start and those it waits for, up to one of `chain`; empty if none is reached."""
        pending = [[self]]
        seen: set[Start] = set()
        while pending:
            path = pending.pop()
            if path[-1] in chain:
                return path
            for other in path[-1]._waits - seen:  # noqa: SLF001 - another of this class
                seen.add(other)
                pending.append([*path, other])
        return []


def _file(service: type[Service]) -> str | None:
    return getattr(sys.modules.get(service.__module__), "__file__", None)


def refuse_cycle(start: Start, chain: tuple[Start, ...]) -> None:
    """Raise if a start would wait for itself.

    Raises:
        StartCycleError: It names the services, in the order in which they need each other.
    """
    if start.over:
        return
    path = start.path_to(chain)
    if path:
        first = chain.index(path[-1])
        names = [one.service.__name__ for one in (*chain[first:], *path)]
        raise StartCycleError(
            f"Services need each other to start: {' -> '.join(names)}",
            "Call the other service when it is needed first, not in `start`.",
        )


def instance(service: type[Service]) -> Service:
    """Return the instance that counts here; start it if there is none.

    Raises:
        StartError: It could not start; the next call tries again.
        StartCycleError: It needs itself to start.
    """
    while True:
        start, mine = _claim(service)
        if mine:
            return start.run()
        if start.instance is None:
            start.wait()
        if start.instance is not None:
            return start.instance


async def ainstance(service: type[Service]) -> Service:
    """Return the instance as `instance` does, in a coroutine."""
    while True:
        start, mine = _claim(service)
        if mine:
            return await start.arun()
        if start.instance is None:
            await start.await_()
        if start.instance is not None:
            return start.instance


def _claim(service: type[Service]) -> tuple[Start, bool]:
    """Return the start that counts here, and whether it is for the caller to run it."""
    scope = current()
    isolated = scope is not None and scope.find(ISOLATION) is True
    home = _own_home(scope) if isolated and scope is not None else _shared
    start = home.get(service)
    if start is not None and start.usable:
        return start, False
    if start is not None and start.instance is not None:
        _close_stale(home, start)
    with _lock:
        start = home.get(service)
        if start is not None and (start.usable or start.instance is None):
            return start, False
        start = home[service] = Start(service, home)
        return start, True


def _own_home(scope: Scope) -> MutableMapping[Any, Start]:
    home = scope.own.get(_INSTANCES)
    if home is None:
        home = scope.own.setdefault(_INSTANCES, {})
        scope.at_end(lambda: close_services(home))
    found: MutableMapping[Any, Start] = home
    return found


# --- the end ---


def close_own(scope: Scope, *, in_loops: bool = False) -> list[Exception]:
    """Close a scope's own instances, the last started first; return what that raised.

    Args:
        scope: A test's, mostly.
        in_loops: Only those whose event loop is still there: the test may be about to take it down.
    """
    home = scope.own.get(_INSTANCES, {})
    found = [start for start in home.values() if not in_loops or (start.usable and start.loop is not None)]
    return [error for start in reversed(found) for error in _close(home, start)]


def close_services(home: MutableMapping[Any, Start] | None = None) -> None:
    """Close the instances of one home, the shared ones unless given, last started first.

    Raises:
        Exception: What the first `close` that failed raised; the others ran nevertheless.
    """
    home = _shared if home is None else home
    errors = [error for start in reversed(list(home.values())) for error in _close(home, start)]
    if errors:
        raise errors[0]


_guards: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[AsyncIterator[None], list[Start]]] = (
    weakref.WeakKeyDictionary()
)


async def _close_with(loop: asyncio.AbstractEventLoop, start: Start) -> None:
    """Have an instance closed before its event loop is, which then ends its asynchronous generators."""
    if loop not in _guards:
        starts: list[Start] = []
        guard = _guard(starts)
        await anext(guard)
        _guards[loop] = guard, starts
    _guards[loop][1].append(start)


async def _guard(starts: list[Start]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        try:
            await _aclose(reversed(starts))
        finally:
            starts.clear()  # they hold the loop


async def _aclose(starts: Iterable[Start]) -> None:
    errors: list[Exception] = []
    for start in starts:
        closing = _take(start.home, start)
        try:
            outcome = closing.close() if closing is not None else None
            if inspect.isawaitable(outcome):
                await outcome
        except Exception as error:  # noqa: BLE001 - the application's own code; raised below
            errors.append(error)
    if errors:
        raise errors[0]


def _close_stale(home: MutableMapping[Any, Start], start: Start) -> None:
    """Close an instance whose event loop is gone, before another takes its place."""
    for error in _close(home, start):
        name = start.service.__name__
        warnings.warn(f"{name}, whose event loop is gone, could not be closed: {error}", stacklevel=6)


async def aclose_services() -> None:
    """Close the shared instances from the event loop they belong to."""
    await _aclose(reversed(list(_shared.values())))


def _close(home: MutableMapping[Any, Start], start: Start) -> list[Exception]:
    closing = _take(home, start)
    if closing is None:
        return []
    try:
        outcome = closing.close()
        if inspect.isawaitable(outcome):
            loops.finish(outcome, start.loop)
    except Exception as error:  # noqa: BLE001 - the application's own code; told by the caller
        error.add_note(f"while {start.service.__name__} was closed")
        return [error]
    return []


def _take(home: MutableMapping[Any, Start], start: Start) -> Service | None:
    """Remove a start, so that it is closed once; return its instance."""
    with _lock:
        if home.get(start.service) is not start:
            return None
        del home[start.service]
        return start.instance


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close_services)
