"""The time that caches go by, which a test can advance."""

from __future__ import annotations

import time
from typing import Final

from enctest.services.errors import BadDoubleError
from enctest.services.scope import Scope, current

_KEY: Final = "clock"


def now() -> float:
    """Return seconds of a clock that only goes forward."""
    scope = current()
    ahead = sum(one.own.get(_KEY, 0.0) for one in scope.up()) if scope is not None else 0.0
    return time.monotonic() + ahead


def advance(scope: Scope, seconds: object) -> None:
    """Let time pass in a scope and those within.

    Raises:
        BadDoubleError: Time does not go back.
    """
    if not isinstance(seconds, int | float) or seconds < 0:
        raise BadDoubleError(f"advance_time takes seconds, a number of at least 0, not {seconds!r}")
    scope.own[_KEY] = scope.own.get(_KEY, 0.0) + seconds
