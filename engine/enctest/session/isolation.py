"""The pytest plugin that hands each test its databases, in the isolation that it asks for."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

import pytest

from enctest.databases.handout import Handout, Isolation, Lent, lent
from enctest.databases.protocol import ServerError

MARKER = "database"
_KINDS: tuple[Isolation, ...] = ("shared", "test", "transaction")


class IsolationPlugin:
    """Works in the process that runs the tests; does nothing where all of them share a copy.

    Args:
        text: What was lent, as in `handout.VARIABLE`.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._lent: list[Lent] | None = None
        self._handouts: dict[str, Handout] = {}

    def take(self, text: str) -> None:
        """Go on with other databases, in a fork."""
        self._text, self._lent = text, None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Hand out what the test is to have, before its fixtures."""
        if self._lent is None:
            self._lent = lent(self._text)
        for one in self._lent:
            isolation = wanted(item, one)
            handout = self._handouts.get(one.name)
            if handout is None and isolation == "shared":
                continue
            try:
                if handout is None:
                    handout = self._handouts[one.name] = Handout(one)
                handout.give(isolation, _group(item))
            except (OSError, ServerError) as error:
                self._handouts.pop(one.name, None)
                pytest.fail(f"database {one.name} cannot be had: {error}", pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Keep the databases of a test that fails."""
        report: pytest.TestReport = yield
        if report.failed:
            for handout in self._handouts.values():
                handout.failed(item.nodeid)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Leave."""
        self.close()

    def close(self) -> None:
        """Leave, where the session does not end by itself."""
        for handout in self._handouts.values():
            try:
                handout.close()
            except (OSError, ServerError):
                continue  # the server is gone, and with it what was to be kept
        self._handouts.clear()


def wanted(item: pytest.Item, lent: Lent) -> Isolation:
    """Return a test's isolation: the nearest `database` marker's that is about this one, else the project's.

    Raises:
        pytest.fail.Exception: A marker says something else than it may.
    """
    for marker in item.iter_markers(MARKER):
        if set(marker.kwargs) - {"isolation"} or not all(isinstance(arg, str) for arg in marker.args):
            pytest.fail("pytest.mark.database takes names of databases, and isolation=...", pytrace=False)
        if (marker.args and lent.name not in marker.args) or "isolation" not in marker.kwargs:
            continue
        isolation = marker.kwargs["isolation"]
        if isolation not in _KINDS:
            pytest.fail(f"isolation={isolation!r}: there are {', '.join(_KINDS)}", pytrace=False)
        found: Isolation = isolation
        return found
    return lent.isolation


def _group(item: pytest.Item) -> object:
    """Return what has one database together: a test, or a class that makes its data once and rolls back."""
    owner = getattr(item, "cls", None)
    django = sys.modules.get("django.test.testcases")
    if django is not None and isinstance(owner, type) and issubclass(owner, django.TestCase):
        return owner
    return item.nodeid
