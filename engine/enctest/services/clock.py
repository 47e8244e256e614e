"""The time that caches go by, which a test can advance."""

from __future__ import annotations

import time

from enctest.services.errors import BadDoubleError
from enctest.services.scope import CLOCK, Scope, current


def now() -> float:
    """Return seconds of a clock that only goes forward."""
    return time.monotonic() + ahead()


def ahead() -> float:
    """Return the seconds that time was advanced by here."""
    scope = current()
    return sum(one.own.get(CLOCK, 0.0) for one in scope.up()) if scope is not None else 0.0


def advance(scope: Scope, seconds: object) -> None:
    """Let time pass in a scope and those within.

    Raises:
        BadDoubleError: Time does not go back.
    """
    if not isinstance(seconds, int | float) or seconds < 0:
        raise BadDoubleError(f"advance_time takes seconds, a number of at least 0, not {seconds!r}")
    scope.own[CLOCK] = scope.own.get(CLOCK, 0.0) + seconds
