"""Which PostgreSQL connections code of the project has opened, and where; told by the drivers themselves."""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FrameType, FunctionType, ModuleType
from typing import Any

from enctest.tracing.callsite import Frames
from enctest.tracing.hooks.imports import ImportWatcher
from enctest.tracing.hooks.patching import Patches, transparent

_DRIVERS = ("psycopg", "psycopg2", "asyncpg")
_POOLS = ("asyncpg.pool", "psycopg2.pool")
"""Those that come with a driver; others are libraries of their own."""
_DEPTH = 100
_STEPS, _LOOKED_AT = 6, 20_000
_ENDS = (ModuleType, FunctionType, str, bytes, int, float, list, tuple, set, frozenset, deque)
"""What is not looked into: a list of connections is what a leak looks like."""


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

    def left(self, opened: Iterable[Opened]) -> list[Opened]:
        """Return those that are open and that no variable or attribute of the project leads to."""
        still = [each for each in opened if each.descriptor() >= 0]
        if not still:
            return []
        modules = [module for module in list(sys.modules.values()) if self._is_ours(module)]
        ids = kept(vars(module) for module in modules)
        return [each for each in still if id(each.reference()) not in ids]

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


def kept(roots: Iterable[Mapping[str, object]]) -> frozenset[int]:
    """Return the ids of what module variables lead to by attributes and dictionaries, not lists.

    Somebody means to use it again. `gc.get_referrers` would not see what was frozen before a fork.

    Args:
        roots: Variables of modules.
    """
    seen: set[int] = set()
    level = [value for variables in roots for value in list(variables.values())]
    for _ in range(_STEPS):
        found = [value for value in level if id(value) not in seen]
        seen.update(map(id, found))
        if len(seen) > _LOOKED_AT:
            break
        level = [attribute for value in found for attribute in _attributes(value)]
    return frozenset(seen)


def _attributes(value: object) -> Iterable[object]:
    """Return what an object leads to, running no code of it: proxies may refuse to be looked at."""
    kind = type(value)
    if issubclass(kind, dict):
        return list(dict.values(value))  # type: ignore[arg-type]  # `isinstance` would ask the object
    return () if issubclass(kind, _ENDS) else gc.get_referents(value)
