"""Jinja's templates: the library keeps what it has loaded, so each use counts, not only the first."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from enctest.selection.owners import Ledger, Owner

_MODULE, _CLASS, _METHOD = "jinja2.environment", "Environment", "_load_template"
"""What every use of a template by name goes through: from Python, and by other templates."""


class Templates:
    """Credits what a template was made of (files, names looked for, the project's loaders) to all its users.

    Args:
        ledger: Who owns what happens now.
        guard: Does something and keeps its exceptions.
    """

    def __init__(self, ledger: Ledger, guard: Callable[[Callable[[], object]], None]) -> None:
        self._ledger = ledger
        self._guard = guard
        self._needs: WeakKeyDictionary[object, Owner] = WeakKeyDictionary()
        self._undo: Callable[[], None] | None = None
        self._loading = 0

    @property
    def loading(self) -> bool:
        """Whether what is read now belongs to a template whose users are all known."""
        return self._loading > 0

    def follow(self) -> None:
        """Follow the uses from now on, once the library has been imported."""
        if self._undo is not None or _MODULE not in sys.modules:
            return
        environment = getattr(sys.modules[_MODULE], _CLASS, None)
        original = vars(environment).get(_METHOD) if isinstance(environment, type) else None
        self._undo = _nothing
        if callable(original):
            setattr(environment, _METHOD, self._followed(original))
            self._undo = functools.partial(setattr, environment, _METHOD, original)

    def unfollow(self) -> None:
        """Put everything back."""
        if self._undo is not None:
            self._undo()
            self._undo = None

    def _followed(self, original: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(original)
        def load(*args: Any, **options: Any) -> object:
            __tracebackhide__ = True
            owner = Owner()
            self._guard(lambda: self._begin(owner))
            try:
                template = original(*args, **options)
            finally:
                self._guard(lambda: self._end(owner))
            self._guard(lambda: self._used(template, owner))
            return template

        return load

    def _begin(self, owner: Owner) -> None:
        self._loading += 1
        self._ledger.push(owner, beside=True)

    def _end(self, owner: Owner) -> None:
        self._loading -= 1
        self._ledger.pop(owner)

    def _used(self, template: object, owner: Owner) -> None:
        needs = self._needs.setdefault(template, owner)
        if needs is not owner:
            needs.take(owner)
            for each in self._ledger.all_current:
                each.take(needs)


def _nothing() -> None:
    """The library has changed: its files count for whoever imports what reads them."""
