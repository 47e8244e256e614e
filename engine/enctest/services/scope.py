"""The current test, and what holds in it: scopes from the session down to the test, nearest first.

A scope is found through a context variable, so it follows tasks by itself, and threads and executors while
`follow` is installed. In production there is none, and looking for one costs a dictionary access.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final, Literal, Protocol

from enctest.services.errors import MisusedError

Kind = Literal["session", "package", "module", "class", "test"]
_MANY: Final = 256
"""Things in a scope's list of work after which those that are done are dropped."""


DECLARED: Final = "declared databases"
"""Key of a session's own: the process that made its copy, and the URL, of each that is declared in code."""
ROOT: Final = "root"
"""Key of a session's own: the project's root."""
HANDOVER: Final = "ENCTEST_TEST"
"""Environment variable of a process that a test started: the path of what it was given."""


class _Unset:
    """Stands for "nothing was said here"; a type of its own, since None says something."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()


class Work(Protocol):
    """Something that a test began."""

    def running(self) -> bool:
        """Tell whether it has not ended."""

    def wait(self, seconds: float) -> None:
        """Wait until it ends, or the time is over."""

    def drop(self) -> str:
        """Give it up; return what it is, for the message."""


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
        sources: Take in what processes that began here have told.
        outlet: In such a process: tells topic, id and body of a message.
        closed: Whether it is over; who still is in it then sees what is around it.
    """

    __slots__ = (
        "_ends",
        "_published",
        "closed",
        "kind",
        "name",
        "outlet",
        "own",
        "parent",
        "sources",
        "values",
        "work",
    )

    def __init__(self, kind: Kind, name: str, parent: Scope | None) -> None:
        self.kind: Kind = kind
        self.name = name
        self.parent = parent
        self.values: dict[Any, Any] = {}
        self.own: dict[Any, Any] = {}
        self.work: list[Work] = []
        self.sources: list[Callable[[], None]] = []
        self.outlet: Callable[[str, str, bytes], None] | None = None
        self.closed = False
        self._published: dict[str, list[tuple[str, bytes]]] = {}
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

    def note(self, work: Work) -> None:
        """Remember what a test began, so that its end waits for it; what a wider fixture begins may go on."""
        if self.kind == "test":
            if len(self.work) >= _MANY and len(self.work) % _MANY == 0:
                self.work[:] = [one for one in self.work if one.running()]
            self.work.append(work)

    def take_in(self) -> None:
        """Take in what processes that began here have told by now."""
        for source in self.sources:
            source()

    def publish(self, topic: str, message_id: str, body: bytes) -> None:
        """Keep a message that was published in exactly this scope."""
        self.take_in()  # what a process published before comes before
        self.published(topic).append((message_id, body))
        if self.outlet is not None:
            self.outlet(topic, message_id, body)

    def published(self, topic: str) -> list[tuple[str, bytes]]:
        """Return ids and bodies of what was published in exactly this scope; it can be appended to."""
        return self._published.setdefault(topic, [])

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
        self.values, self.own, self.work, self.sources, self._published = {}, {}, [], [], {}
        return errors


CURRENT: ContextVar[Scope | None] = ContextVar("enctest_scope", default=None)

_late: list[Callable[[], Scope | None]] = []
_here: list[Scope | None] = [None]


def current() -> Scope | None:
    """Return the innermost scope that is not over, None outside of tests."""
    scope = CURRENT.get()
    if scope is None:
        return _here[0]
    while scope is not None and scope.closed:
        scope = scope.parent
    return scope


def be_in(scope: Scope | None) -> None:
    """Be in a scope in all of this process, which a test has started, where a context says nothing else."""
    _here[0] = scope


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
    """Take part in a test that imports this in its middle, or whose process started this one."""
    plugin = sys.modules.get("enctest.plugin")
    if plugin is not None:
        plugin.services_imported()
    elif os.environ.get(HANDOVER):
        from enctest.services import inherited

        inherited.join(os.environ[HANDOVER])


_join()
