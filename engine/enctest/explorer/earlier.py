"""Results of earlier states: when the files go back, what was known then is known again, without a run."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable

import msgspec

from enctest.events import BAD_OUTCOMES
from enctest.explorer.book import Book, Entry
from enctest.explorer.effect import Effect
from enctest.explorer.journal import Journal
from enctest.explorer.selector import Selector
from enctest.selection.rows import TestRow
from enctest.store.rows import StoredTest

_PER_TEST = 6
_AT_LEAST = 20_000
"""Earlier results that are kept of one test, and of a small project; a large one keeps one per test."""
_SLICE, _PAUSE = 0.004, 0.02
"""Seconds of work at a time on the keys of new results, and between two such slices."""
_AT_ONCE = 20
"""Keys that are made in any case, however little of the processor we get in that time."""

_UNNOTICED = 0.5
"""Seconds in which a change is noticed."""

KNOWN = "all it needs is as it was before: its result of then counts again"
"""Why a test is fresh although a change has reached it."""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A result, what its run needed, and the key of the state of all that when it was true."""

    test: StoredTest
    row: TestRow
    key: bytes


class Earlier:
    """Remembers results that changes outdate, and brings them back.

    A result is kept with the key of everything its own run needed. It counts again when the key of just
    that is the same now. What failed runs again in any case: failures are not kept, and a test that has
    just failed is not excused by what it did before.

    Args:
        book, selector, journal: The explorer's.
        is_busy: Tells whether a run goes on; keys of its results are made when it is over.
    """

    def __init__(
        self, book: Book, selector: Selector, journal: Journal, is_busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._book = book
        self._selector = selector
        self._journal = journal
        self._is_busy = is_busy
        self._pasts: dict[int, Past | bytes] = {}  # stored ones are decoded when they are asked for
        self._by_test: dict[str, list[int]] = {}
        self._next = 1
        self._pending: dict[str, frozenset[str]] = {}
        self._ended: list[tuple[float, list[str]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def load(self) -> None:
        """Take up what is stored; may be called on a thread."""
        for number, test, data in self._journal.history.pasts():
            self._keep(number, test, data)
        due = [test for test, entry in self._book.tests.items() if not entry.key]
        self._pending |= dict.fromkeys(due, frozenset())  # made after the first look at all files

    # --- keys of results ---

    def ran(self, tests: Iterable[str]) -> None:
        """These have new results, of a run that has just ended: their keys are due.

        The run may have seen changes that have not been noticed here yet: where a file looks different,
        the results of those who need it get no key.
        """
        names = list(tests)
        rows = [row for test in names if (row := self._selector.needs(test)) is not None]
        unnoticed = self._selector.unnoticed(rows)
        self._pending |= dict.fromkeys(names, unnoticed)
        now = time.monotonic()
        self._ended = [(at, those) for at, those in self._ended if at > now - _UNNOTICED]
        self._ended.append((now, names))

    def start(self) -> None:
        """Make the keys that are due, a little at a time, on the running loop."""
        if self._pending and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._slice)

    def stop(self) -> None:
        """Leave the rest for the next start."""
        if self._timer is not None:
            self._timer.cancel()

    def _slice(self) -> None:
        self._timer = None
        if not self._is_busy():
            self.make_keys(_SLICE)
            self.start()

    def make_keys(self, seconds: float) -> None:
        """Make keys that are due for about so long, and some in any case.

        A fresh result is true of the files as they are remembered, whatever has changed since it was made.
        """
        until = time.monotonic() + seconds
        done = []
        tries = 0
        while self._pending and (tries < _AT_ONCE or time.monotonic() < until):
            tries += 1
            test, unnoticed = self._pending.popitem()
            entry = self._book.tests.get(test)
            row = self._selector.needs(test)
            if entry is None or row is None or not _is_good(entry):
                continue
            if not unnoticed or unnoticed.isdisjoint(self._selector.files_of(row)):
                entry.key = self._selector.state_key(row)
                done.append(entry)
        self._journal.changed(done)

    # --- changes ---

    def leave(self, tests: Iterable[str], effect: Effect) -> None:
        """Keep the results of those of these tests that are fresh and about to be no more.

        Whether a run that has just ended saw a new file, nobody can tell: its results are not kept then.
        """
        since = time.monotonic() - _UNNOTICED if effect.appeared else math.inf
        for at, doubtful in self._ended:
            if at >= since:
                for test in doubtful:
                    self._pending.pop(test, None)
                    if test in self._book.tests:
                        self._book.tests[test].key = b""
        for test in tests:
            entry = self._book.tests.get(test)
            row = self._selector.needs(test)
            if entry is not None and row is not None and entry.key and _is_good(entry):
                past = Past(test=entry.stored(), row=row, key=entry.key)
                for number in self._by_test.get(test, ()):
                    if self._past(number).key == past.key:
                        self._drop([number])
                        break
                self._keep(self._next, test, past)
                self._journal.left(number=self._next - 1, result=past.test, data=msgspec.msgpack.encode(past))

    def recall(self, tests: Iterable[str], effect: Effect) -> list[Entry]:
        """Return the tests whose earlier results are true again after a change; they are fresh now.

        Args:
            tests: What the change has just outdated.
            effect: The change; tests may be back with their files.
        """
        found = self._recall(tests, set(effect.paths)) if effect.returns and not effect.everything else []
        self._trim()
        return found

    def _recall(self, tests: Iterable[str], changed: set[str]) -> list[Entry]:
        back = [
            test
            for test, numbers in self._by_test.items()
            if test not in self._book.tests and self._past(numbers[-1]).test.file in changed
        ]
        found = []
        failed = self._book.failed()
        for test in [*(test for test in tests if test not in failed), *back]:
            for number in reversed(self._by_test.get(test, ())):
                past = self._past(number)
                if self._selector.state_key(past.row) == past.key:
                    found.append(self._take(number, past))
                    break
        return found

    def _take(self, number: int, past: Past) -> Entry:
        entry = self._book.recall(past.test)
        self._selector.known_again(past.row)
        self._journal.recalled(number, entry)
        self._drop([number])
        return entry

    # --- inside ---

    def _past(self, number: int) -> Past:
        past = self._pasts[number]
        if isinstance(past, bytes):
            past = self._pasts[number] = msgspec.msgpack.decode(past, type=Past)
        return past

    def _keep(self, number: int, test: str, past: Past | bytes) -> None:
        self._pasts[number] = past
        numbers = self._by_test.setdefault(test, [])
        numbers.append(number)
        self._next = max(self._next, number + 1)
        if len(numbers) > _PER_TEST:
            self._drop(numbers[:1])

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in list(numbers):
            test = self._past(number).test.info.test
            del self._pasts[number]
            self._by_test[test].remove(number)
            if not self._by_test[test]:
                del self._by_test[test]
            self._journal.dropped(number)

    def _trim(self) -> None:
        excess = len(self._pasts) - max(_AT_LEAST, len(self._book.tests))
        if excess > 0:
            self._drop(sorted(self._pasts)[:excess])


def _is_good(entry: Entry) -> bool:
    """Tell whether a result is worth keeping: fresh, and not one that is to run again in any case."""
    return (
        entry.outdated is None
        and not entry.running
        and entry.outcome is not None
        and entry.outcome not in BAD_OUTCOMES
    )
