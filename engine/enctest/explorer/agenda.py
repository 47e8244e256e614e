"""What is to run next: the urgent first, then what was pushed aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from enctest.events import How


@dataclass
class Wish:
    """Some tests, files that may hold new ones, or everything; why, and how."""

    tests: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    everything: bool = False
    reason: str = ""
    how: How = "warm"

    def __bool__(self) -> bool:
        return bool(self.tests or self.files or self.everything)

    def merge(self, other: Wish) -> None:
        """Take another wish in."""
        self.tests |= other.tests
        self.files |= other.files
        self.everything |= other.everything
        self.reason = other.reason or self.reason
        self.how = self.how if other.how == "warm" else other.how


class Agenda:
    """Two lists: urgent (what a save or a user asked for) and later (what that pushed aside)."""

    def __init__(self) -> None:
        self._urgent = Wish()
        self._later = Wish()
        self._held: Wish | None = None
        self._known: set[str] = set()

    @property
    def empty(self) -> bool:
        """Nothing to run."""
        return not self._urgent and not self._later

    def add(self, tests: Iterable[str], files: Iterable[str], reason: str, how: How = "warm") -> None:
        """Ask for tests, and for whatever is new in files."""
        tests = set(tests)
        self._known -= tests
        self._urgent.merge(Wish(tests=tests, files=set(files), reason=reason, how=how))

    def everything(self, reason: str, how: How = "warm") -> None:
        """Ask for the whole suite."""
        self._known.clear()
        self._urgent.merge(Wish(everything=True, reason=reason, how=how))

    def hold(self) -> None:
        """From now on, keep what changes ask for until `resume`."""
        self._held = self._held or Wish()

    def resume(self) -> None:
        """Let what was kept be urgent."""
        held, self._held = self._held, None
        if held is not None:
            self._urgent.merge(held)

    def changed(self, wish: Wish) -> None:
        """Take what a change asks for."""
        self._known -= wish.tests
        if wish.everything:
            self._known.clear()
        (self._urgent if self._held is None else self._held).merge(wish)

    def postpone(self, tests: Iterable[str], reason: str) -> None:
        """Put back what a run had left when something more urgent came."""
        self._later.merge(Wish(tests=set(tests) - self._known, reason=reason))

    def known(self, tests: Iterable[str]) -> None:
        """Results of these are known without a run: nothing that was asked before needs them any more."""
        known = set(tests)
        self._known |= known
        for wish in (self._urgent, self._later, self._held or Wish()):
            wish.tests -= known

    def put_back(self, wish: Wish) -> None:
        """Put back a whole wish of which nothing was collected."""
        wish.tests -= self._known
        self._later.merge(wish)

    def clear(self) -> None:
        """Forget all wishes."""
        self._urgent, self._later = Wish(), Wish()
        self._known.clear()

    def next(self) -> Wish:
        """Take the next wish."""
        if self._urgent:
            wish, self._urgent = self._urgent, Wish()
            self._later.tests -= wish.tests
            if wish.everything:
                self._later = Wish()
        else:
            wish, self._later = self._later, Wish()
        return wish
