"""What made a kept value (a cache's, a memo's) is needed by every later caller: it counts as module level."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from enctest.selection.owners import Ledger, Owner
from enctest.selection.probe import Section
from enctest.shared import ACCOUNTS, Account

_ENOUGH = 200
"""Calls of one function within one test that are looked at one by one."""

_MOST = 20_000
"""Calls of one function within one test whose objects are looked at."""

_PRUNE = 1_000
"""Kept values, from how many on those whose objects are gone are dropped."""

Alive = Callable[[], object]
"""Returns None when an object is gone."""


class KeptValues:
    """Follows the functions that keep values for later callers.

    What runs within such a call is credited to the function's module, besides the caller; if the value is
    kept on an object, only if that outlives the test. After many calls in one test, all that follows in the
    test (or, for objects, all that the test needed) is. Where the body does not run within the call
    (coroutines), all that the caller needs is credited.

    Args:
        ledger: Who owns what happens now.
        module: Gives the owner of a file.
    """

    def __init__(self, ledger: Ledger, module: Callable[[str], Owner]) -> None:
        self._ledger = ledger
        self._module = module
        self._calls: Counter[tuple[str, int]] = Counter()
        self._open: list[_Call] = []
        self._on_objects: list[tuple[Alive, Owner | None, str]] = []
        self._lasting: list[tuple[Alive, Owner, str]] = []
        self._prune_at = _PRUNE
        self._rest: list[tuple[Owner, str]] = []
        self._wide: dict[int, str] = {}
        self._account: Account | None = None

    def watch(self, section: Section) -> None:
        """Follow the functions of one more module."""
        section.entered, section.left = self._entered, self._left
        for index in section.layout.lazy:
            self._wide[section.first + index] = section.path

    def keep_account(self, relative: Callable[[str], str | None]) -> None:
        """Credit what is made for all to come, such as a service's instance, to the file it is told with."""

        @contextmanager
        def account(file: str) -> Iterator[None]:
            owner, path = Owner(), relative(file)
            self._ledger.push(owner, beside=True)
            try:
                yield
            finally:
                self._ledger.pop(owner)
                if path is not None:
                    self._module(path).take(owner)

        self._account = account
        ACCOUNTS.append(account)

    def close_account(self) -> None:
        """Credit nothing more."""
        if self._account in ACCOUNTS:
            ACCOUNTS.remove(self._account)

    def end_test(self, test: Owner | None = None) -> None:
        """Note what is kept on objects, credit what followed after many calls; count anew."""
        self._calls.clear()
        for call in [call for call in self._open if call.deferred]:
            self._open.remove(call)
            if call.owner is not None:
                self._credit(call.owner, call.section.path, call.alive)
        while self._rest:
            owner, path = self._rest.pop()
            self._ledger.pop(owner)
            self._module(path).take(owner)
        while self._on_objects:
            alive, made, path = self._on_objects.pop()
            if made is None:
                made = test
            if made is not None and alive() is not None:
                self._lasting.append((alive, made, path))
        if len(self._lasting) > self._prune_at:
            self._lasting = [entry for entry in self._lasting if entry[0]() is not None]
            self._prune_at = max(_PRUNE, 2 * len(self._lasting))

    def settle(self) -> None:
        """Credit what is kept on objects that live on; those that only wait to be collected do not.

        So it is done when tests are over, not after each: until then a cycle of references is no life.
        """
        if any(alive() is not None for alive, _, _ in self._lasting):
            gc.collect()
        while self._lasting:
            alive, made, path = self._lasting.pop()
            if alive() is not None:
                self._module(path).take(made)

    def spread(self, owner: Owner) -> None:
        """Credit all that `owner` needed to the modules of those functions that were not followed in it."""
        if not self._wide or owner.blocks.isdisjoint(self._wide):
            return
        for number in self._wide.keys() & owner.blocks:
            self._module(self._wide[number]).take(owner)

    def _entered(self, section: Section, index: int, keeper: object, deferred: bool) -> None:
        key = section.path, index
        self._calls[key] += 1
        owner: Owner | None = None
        alive = None if keeper is None else _reference(keeper)
        if self._calls[key] <= _ENOUGH:
            owner = Owner()
            self._ledger.push(owner, beside=deferred or not in_main_thread())
            owner.blocks.add(section.first + index)
        elif alive is not None:
            if self._calls[key] <= _MOST:
                self._on_objects.append((alive, None, section.path))
        elif self._calls[key] == _ENOUGH + 1 and index in section.layout.cached:
            rest = Owner()
            self._ledger.push(rest, beside=True)
            self._rest.append((rest, section.path))
        self._open.append(_Call(threading.get_ident(), section, index, owner, alive, deferred))

    def _left(self, section: Section, index: int) -> None:
        thread = threading.get_ident()
        for place in range(len(self._open) - 1, -1, -1):
            call = self._open[place]
            if call.thread == thread and call.section is section and call.function == index:
                del self._open[place]
                if call.owner is not None:
                    self._credit(call.owner, section.path, call.alive)
                return

    def _credit(self, owner: Owner, path: str, alive: Alive | None) -> None:
        self._ledger.pop(owner)
        for outer in self._ledger.all_current:
            outer.take(owner)
        if alive is None:
            self._module(path).take(owner)
        else:
            self._on_objects.append((alive, owner, path))


class _Call(NamedTuple):
    """A call that has not ended; `owner` is None if it is one of too many."""

    thread: int
    section: Section
    function: int
    owner: Owner | None
    alive: Alive | None
    deferred: bool


def _reference(keeper: object) -> Alive:
    """Return what tells whether an object is still there; one that cannot be followed always is."""
    try:
        return weakref.ref(keeper)
    except TypeError:
        return lambda: True


def in_main_thread() -> bool:
    """Tell whether this is the main thread."""
    return threading.get_ident() == threading.main_thread().ident
