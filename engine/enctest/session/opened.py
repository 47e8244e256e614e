"""Which PostgreSQL connections code of the project has opened, and where; told by the drivers themselves."""

from __future__ import annotations

import contextvars
import functools
import gc
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType, FunctionType, ModuleType
from typing import Any, cast

import pytest

from enctest.tracing.callsite import Frames
from enctest.tracing.hooks.imports import ImportWatcher
from enctest.tracing.hooks.patching import Patches, transparent

_DRIVERS = ("psycopg", "psycopg2", "asyncpg")
_POOLS = ("asyncpg.pool", "psycopg2.pool")
"""Those that come with a driver; others are libraries of their own."""
_DEPTH = 100
_STEPS, _LOOKED_AT = 6, 20_000
_SEARCHED = 100_000
"""Objects after which a search for everything that leads somewhere is given up."""
_ENDS = (ModuleType, str, bytes, int, float, pytest.Config, pytest.Item, pytest.Collector)
_COLLECTIONS = (list, tuple, set, frozenset, deque)
"""A list of connections is what a leak looks like; but who has the list may still use them."""


@dataclass(frozen=True)
class Opened:
    """A connection.

    Attributes:
        reference: To the driver's object.
        driver: Its package.
        path: The project's file, relative to the root, that asked for it; nearest to the driver.
        line: Where in it.
        filename: The file's full path.
    """

    reference: weakref.ref[Any]
    driver: str
    path: str
    line: int
    filename: str

    @property
    def place(self) -> str:
        """Where it was opened, such as `tests/test_shop.py:12`."""
        return f"{self.path}:{self.line}"

    def descriptor(self) -> int:
        """Return the number of its descriptor; -1 when it is closed, or nobody has it any more."""
        connection = self.reference()
        if connection is None:
            return -1
        try:
            if self.driver == "asyncpg":
                transport = connection._transport  # noqa: SLF001 - no other way to the socket
                return -1 if transport.is_closing() else int(transport.get_extra_info("socket").fileno())
            return -1 if connection.closed else int(connection.fileno())
        except Exception:  # noqa: BLE001 - whatever a driver raises when a connection is in no good state
            return -1

    def server(self) -> int:
        """Return the server process's id, as the driver knows it; 0 when it does not."""
        connection: Any = self.reference()
        try:
            if self.driver == "asyncpg":
                return int(connection.get_server_pid())
            return int(connection.info.backend_pid)
        except Exception:  # noqa: BLE001 - as above
            return 0


@dataclass(frozen=True)
class Left:
    """Connections that a test has left open.

    Attributes:
        used: Something that goes on leads to them, or may.
        lost: Nothing does.
    """

    used: tuple[Opened, ...]
    lost: tuple[Opened, ...]


@dataclass(frozen=True)
class Reached:
    """The ids of objects that something leads to; `is_whole` unless there were too many."""

    ids: frozenset[int]
    is_whole: bool


class Openings:
    """Notes connections as they are opened, while `noting` is set.

    Args:
        frames: Tells the project's code from others'.
    """

    def __init__(self, frames: Frames) -> None:
        self.noting: Callable[[Opened], None] | None = None
        self._frames = frames
        self._patches = Patches()
        hooks = {"psycopg": self._psycopg, "psycopg2": self._psycopg2, "asyncpg.connection": self._asyncpg}
        self._watcher = ImportWatcher(hooks)

    def arm(self) -> None:
        """Watch the drivers, also those that are imported later."""
        self._watcher.install()

    def disarm(self) -> None:
        """Put the drivers back as they were."""
        self._watcher.uninstall()
        self._patches.restore()

    def left(self, opened: Iterable[Opened], fixtures: Iterable[object]) -> Left:
        """Return those that are open and that no variable or attribute of the project leads to.

        Args:
            opened: Connections of a test that is over.
            fixtures: Values of fixtures that are not over.
        """
        still = [each for each in opened if each.descriptor() >= 0]
        if not still:
            return Left((), ())
        modules = [module for module in list(sys.modules.values()) if self._is_ours(module)]
        roots: list[Mapping[Any, object]] = [vars(module) for module in modules]
        roots += [dict(enumerate(fixtures)), dict(contextvars.copy_context())]
        kept = leads_to(roots, steps=_STEPS, most=_LOOKED_AT)
        still = [each for each in still if id(each.reference()) not in kept.ids]
        if not still:
            return Left((), ())
        roots += _variables_of_threads()
        found = leads_to(roots, most=_SEARCHED, collections=True)
        used = [each for each in still if not found.is_whole or id(each.reference()) in found.ids]
        return Left(tuple(used), tuple(each for each in still if each not in used))

    def _is_ours(self, module: object) -> bool:
        filename = getattr(module, "__file__", None)
        return isinstance(filename, str) and self._frames.relative(filename) is not None

    def _psycopg(self, module: ModuleType) -> None:
        for kind in (module.Connection, module.AsyncConnection):
            self._patches.wrap(kind, "__init__", functools.partial(self._constructor, "psycopg"))

    def _asyncpg(self, module: ModuleType) -> None:
        self._patches.wrap(module.Connection, "__init__", functools.partial(self._constructor, "asyncpg"))

    def _psycopg2(self, module: ModuleType) -> None:
        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def connect(*args: Any, **options: Any) -> Any:
                connection = original(*args, **options)
                self._note(connection, "psycopg2", sys._getframe(1))  # noqa: SLF001 - as tracing does
                return connection

            return transparent(connect)

        self._patches.replace(module, "connect", make)  # `wrap` leaves alone what tracing has wrapped

    def _constructor(self, driver: str, original: Callable[..., None]) -> Callable[..., None]:
        def __init__(connection: Any, *args: Any, **options: Any) -> None:  # noqa: N807 - it is one
            original(connection, *args, **options)
            self._note(connection, driver, sys._getframe(1))  # noqa: SLF001 - as tracing does

        return __init__

    def _note(self, connection: Any, driver: str, frame: FrameType | None) -> None:
        noting = self.noting
        opener = self._opener(frame) if noting is not None else None
        if noting is None or opener is None:
            return
        filename = opener.f_code.co_filename
        path = self._frames.relative(filename) or filename
        noting(Opened(weakref.ref(connection), driver, path, opener.f_lineno, filename))

    def _opener(self, frame: FrameType | None) -> FrameType | None:
        """Return the project's frame that asked a driver for a connection; None where a library did."""
        for _ in range(_DEPTH):
            if frame is None:
                return None
            module = str(frame.f_globals.get("__name__", ""))
            if module in _POOLS:
                return None
            if self._frames.relative(frame.f_code.co_filename) is not None:
                return frame
            package = module.partition(".")[0]
            if package not in _DRIVERS and package != "enctest" and package not in sys.stdlib_module_names:
                return None
            frame = frame.f_back
        return None


def leads_to(
    roots: Iterable[Mapping[Any, object]], *, most: int, steps: int = 0, collections: bool = False
) -> Reached:
    """Return what variables lead to by attributes and dictionaries: somebody means to use it again.

    `gc.get_referrers` would not see what was frozen before a fork.

    Args:
        roots: Variables by name, such as those of modules.
        most: Objects to look at.
        steps: How far to go; 0 for as far as it goes.
        collections: Look into lists and the like, closures and what functions have by default, too.
    """
    ends = _ENDS if collections else (*_ENDS, FunctionType, *_COLLECTIONS)
    seen: set[int] = set()
    level = [value for variables in roots for value in list(variables.values())]
    step = 0
    while level and (not steps or step < steps):
        found = []
        for value in level:
            if id(value) not in seen:
                seen.add(id(value))
                found.append(value)
        if len(seen) > most:
            return Reached(frozenset(seen), is_whole=False)
        level = [attribute for value in found for attribute in _attributes(value, ends)]
        step += 1
    return Reached(frozenset(seen), is_whole=not level)


def _attributes(value: object, ends: tuple[type, ...]) -> Iterable[object]:
    """Return what an object leads to, running no code of it: proxies may refuse to be looked at."""
    kind = type(value)
    if issubclass(kind, ends):
        return ()
    if issubclass(kind, dict):
        return list(dict.values(value))  # type: ignore[arg-type]  # `isinstance` would ask the object
    if issubclass(kind, FunctionType):  # not its module's variables
        function = cast("FunctionType", value)
        return function.__closure__, function.__defaults__, function.__kwdefaults__, function.__dict__
    if kind is threading.local:  # another kind may run code of its own
        return (vars(value),)
    return gc.get_referents(value)


def _variables_of_threads() -> Iterator[Mapping[str, object]]:
    """Yield the variables of functions that run in other threads: they may go on."""
    for thread, innermost in sys._current_frames().items():  # noqa: SLF001 - no other way to see them
        frame: FrameType | None = innermost if thread != threading.get_ident() else None
        while frame is not None:
            yield frame.f_locals
            frame = frame.f_back
