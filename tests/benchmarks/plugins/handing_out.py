"""A pytest plugin that notes how long each hand-out of a database took, and for comparison a round trip and
a connect: milliseconds, as JSON in a file."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_TOLD: dict[str, list[float]] = {"given": [], "trip": [], "connect": []}
_TIMES = 50


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
            _TOLD["given"].append((time.perf_counter() - begun) * 1000)

    Handout.give = timed  # type: ignore[method-assign]
    yield


def _measure() -> None:
    from enctest.databases import handout
    from enctest.databases.protocol import Connection

    (lent,) = handout.lent(os.environ[handout.VARIABLE])
    with Connection(lent.socket, database="postgres", user="postgres") as connection:
        for _ in range(_TIMES):
            begun = time.perf_counter()
            connection.query("select 1")
            between = time.perf_counter()
            Connection(lent.socket, database="postgres", user="postgres").close()
            _TOLD["trip"].append((between - begun) * 1000)
            _TOLD["connect"].append((time.perf_counter() - between) * 1000)


def pytest_sessionfinish() -> None:
    """Write them down."""
    _measure()
    Path(os.environ["HANDED_OUT"]).write_text(json.dumps(_TOLD), encoding="utf-8")
