"""What was there before the tests is left out of garbage collections, until somebody asks for it.

Collections look at all that is alive, and modules, classes and collected tests are most of it; pytest alone
collects five times at the end. Nobody is to notice: `gc.collect`, `gc.get_objects` and `gc.get_referrers`
first take everything back in when anybody but pytest or enctest calls them.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

_ASKING = ("collect", "get_objects", "get_referrers")
_OURS = frozenset({"_pytest", "pluggy", "enctest"})


class Freezing:
    """A plugin of one session whose process ends with it."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._asked = False
        self._ran = False

    def arm(self, config: pytest.Config) -> None:
        """Leave out what pytest itself is made of; call it before anything of the project is imported."""
        for name in _ASKING:
            real = getattr(gc, name)
            setattr(gc, name, self._thawing(real))
            self._undo.append(functools.partial(setattr, gc, name, real))
        config.pluginmanager.register(self, "enctest-freezing")
        config.add_cleanup(self._end)  # runs after pytest's own, which collects
        gc.freeze()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Leave out what was collected, but not what is garbage by now: that may have something to say."""
        self._ran = True
        if not self._asked:
            gc.collect()
            gc.freeze()

    def _end(self) -> None:
        while self._undo:
            self._undo.pop()()
        if self._ran:  # else other processes ran the tests: to look at all of it at the exit takes long
            gc.unfreeze()

    def _thawing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def call(*args: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            asker = str(sys._getframe(1).f_globals.get("__name__"))  # noqa: SLF001 - the only way to know who asks
            if asker.partition(".")[0] not in _OURS:
                self._asked = True
                gc.unfreeze()
            return real(*args, **options)

        return call
