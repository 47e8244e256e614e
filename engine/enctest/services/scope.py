"""The current test, and what holds in it: scopes from the session down to the test, nearest first.

A scope is found through a context variable, so it follows tasks by itself, and threads and executors while
`follow` is installed. In production there is none, and looking for one costs a dictionary access.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final, Literal

from enctest.services.errors import MisusedError

Kind = Literal["session", "package", "module", "class", "test"]


class _Unset:
    """Stands for "nothing was said here"; a type of its own, since None says something."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()


class Scope:
    """One session, package, module, class or test.

    Args:
        kind: Which of them.
        name: Node id as pytest has it; the session's is empty.
        parent: The scope around it.

    Attributes:
        values: What was set here: doubles, settings, the user, and whether services are isolated.
        own: What belongs to exactly this scope: instances, messages, cache entries.
        work: Threads, futures, tasks and coroutines that began here.
        closed: Whether it is over; who still is in it then sees what is around it.
    """

    __slots__ = ("_ends", "closed", "kind", "name", "own", "parent", "values", "work")

    def __init__(self, kind: Kind, name: str, parent: Scope | None) -> None:
        self.kind: Kind = kind
        self.name = name
        self.parent = parent
        self.values: dict[Any, Any] = {}
        self.own: dict[Any, Any] = {}
        self.work: list[Any] = []
        self.closed = False
        self._ends: list[Callable[[], object]] = []

    def __repr__(self) -> str:
        return f"<{self.kind} scope {self.name!r}>"

    def find(self, key: Any) -> Any:
        """Return what the nearest scope says about `key`, `UNSET` if none does."""
        scope: Scope | None = self
        while scope is not None:
            values = scope.values
            if values and key in values:
                return values[key]
            scope = scope.parent
        return UNSET

    def up(self) -> Iterator[Scope]:
        """Yield this scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def at_end(self, action: Callable[[], object]) -> None:
        """Have `action` called when the scope is over; the last one comes first."""
        self._ends.append(action)

    def end(self) -> list[Exception]:
        """Close the scope; return what its endings raised: one that fails keeps none from its turn."""
        errors: list[Exception] = []
        while self._ends:
            try:
                self._ends.pop()()
            except Exception as error:  # noqa: BLE001 - the application's own code; told by the caller
                errors.append(error)
        self.closed = True
        self.values, self.own, self.work = {}, {}, []
        return errors


CURRENT: ContextVar[Scope | None] = ContextVar("enctest_scope", default=None)

_late: list[Callable[[], Scope | None]] = []


def current() -> Scope | None:
    """Return the innermost scope that is not over, None outside of tests."""
    scope = CURRENT.get()
    while scope is not None and scope.closed:
        scope = scope.parent
    return scope


def ask_when_unknown(source: Callable[[], Scope | None]) -> None:
    """Have `source` asked where a context has no scope, as in a loop that an earlier test began."""
    _late[:] = [source]


def needed(helper: str) -> Scope:
    """Return the current scope for a helper of tests.

    Raises:
        MisusedError: No test, and no fixture, is running.
    """
    scope = CURRENT.get()
    if scope is None or scope.closed:
        late = _late[0]() if _late else None
        scope = late if late is not None else current()
    if scope is None:
        raise MisusedError(
            f"{helper} was called outside of a test",
            "Call it in a test, or in a fixture: it then holds as long as the fixture does. "
            "At the top of a file, use a marker (`pytestmark`) or an autouse fixture instead.",
        )
    return scope


def needed_test(helper: str) -> Scope:
    """Return the current scope, which must be a test's.

    Raises:
        MisusedError: No test is running, or a fixture of wider scope asks.
    """
    scope = needed(helper)
    if scope.kind != "test":
        raise MisusedError(
            f"{helper} was called in a fixture of {scope.kind} scope, and is about one test",
            'Call it in the test, or in a fixture of scope "function".',
        )
    return scope


def counted(scope: Scope, key: Any) -> int:
    """Return 1, 2, 3 ... each time it is asked for `key` in `scope`."""
    counter = scope.own.setdefault(("count", key), itertools.count(1))
    return int(next(counter))


def _join() -> None:
    """Take part in a test that imports this in its middle."""
    plugin = sys.modules.get("enctest.plugin")
    if plugin is not None:
        plugin.services_imported()


_join()
