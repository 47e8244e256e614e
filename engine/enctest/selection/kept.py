"""What made a kept value (a cache's, a memo's) is needed by every later caller: it counts as module level."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from enctest.selection.owners import Ledger, Owner
from enctest.selection.probe import Hits

_ENOUGH = 200
"""Calls of one function within one test that are looked at one by one."""


class KeptValues:
    """Follows the functions that keep values for later callers.

    What runs within such a call is credited to the function's module, besides the caller. After many calls in
    one test, all that follows in the test is. Where the body does not run within the call (coroutines),
    all that the caller needs is credited.

    Args:
        ledger: Who owns what happens now.
        module: Gives the owner of a file.
    """

    def __init__(self, ledger: Ledger, module: Callable[[str], Owner]) -> None:
        self._ledger = ledger
        self._module = module
        self._calls: Counter[tuple[str, int]] = Counter()
        self._open: list[tuple[int, Hits, int, Owner | None]] = []
        self._rest: list[tuple[Owner, str]] = []
        self._wide: dict[int, str] = {}

    def watch(self, hits: Hits) -> None:
        """Follow the functions of one more module."""
        hits.entered, hits.left = self._entered, self._left
        for index in hits.layout.lazy:
            self._wide[hits.first + index] = hits.path

    def end_test(self) -> None:
        """Credit what followed after many calls, and count anew."""
        self._calls.clear()
        while self._rest:
            owner, path = self._rest.pop()
            self._ledger.pop(owner)
            self._module(path).take(owner)

    def spread(self, owner: Owner) -> None:
        """Credit all that `owner` needed to the modules of those functions that were not followed in it."""
        if not self._wide or owner.blocks.isdisjoint(self._wide):
            return
        for number in self._wide.keys() & owner.blocks:
            self._module(self._wide[number]).take(owner)

    def _entered(self, hits: Hits, index: int) -> None:
        key = hits.path, index
        self._calls[key] += 1
        owner: Owner | None = None
        if self._calls[key] <= _ENOUGH:
            owner = Owner()
            self._ledger.push(owner, beside=not in_main_thread())
            owner.blocks.add(hits.first + index)
        elif self._calls[key] == _ENOUGH + 1 and index in hits.layout.cached:
            rest = Owner()
            self._ledger.push(rest, beside=True)
            self._rest.append((rest, hits.path))
        self._open.append((threading.get_ident(), hits, index, owner))

    def _left(self, hits: Hits, index: int) -> None:
        thread = threading.get_ident()
        for place in range(len(self._open) - 1, -1, -1):
            found = self._open[place]
            if found[0] == thread and found[1] is hits and found[2] == index:
                del self._open[place]
                if found[3] is not None:
                    self._credit(found[3], hits)
                return

    def _credit(self, owner: Owner, hits: Hits) -> None:
        self._ledger.pop(owner)
        for outer in self._ledger.all_current:
            outer.take(owner)
        self._module(hits.path).take(owner)


def in_main_thread() -> bool:
    """Tell whether this is the main thread."""
    return threading.get_ident() == threading.main_thread().ident
