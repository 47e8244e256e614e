"""A pytest plugin that notes how long each hand-out of a database took: lines of milliseconds in a file."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_TOLD: list[float] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart() -> Iterator[None]:
    """Take the time of the one call that hands out."""
    from enctest.databases.handout import Handout

    give = Handout.give

    def timed(*args: object, **options: object) -> None:
        begun = time.perf_counter()
        try:
            give(*args, **options)  # type: ignore[arg-type]
        finally:
            _TOLD.append((time.perf_counter() - begun) * 1000)

    Handout.give = timed  # type: ignore[method-assign]
    yield


def pytest_unconfigure() -> None:
    """Write them down."""
    Path(os.environ["HANDED_OUT"]).write_text("\n".join(map(str, _TOLD)), encoding="utf-8")
