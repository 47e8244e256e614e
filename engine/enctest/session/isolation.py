"""The pytest plugin that hands each test its databases, in the isolation that it asks for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Generator
from contextlib import suppress
from typing import Any, Literal

import pytest

from enctest.databases import helpers, own
from enctest.databases.handout import VARIABLE, Handout, Isolation, Lent, lent, written
from enctest.databases.orders import order
from enctest.databases.protocol import ServerError
from enctest.databases.redirect import Redirect
from enctest.session.wishes import wanted

_KINDS: tuple[Isolation, ...] = ("shared", "test")
_RELAYED: tuple[Literal["shared", "transaction"], ...] = ("shared", "transaction")
_DECLARE = (
    '; for "transaction" the database itself has to be declared with it, and has no "test" then:'
    " [tool.enctest.databases.NAME] isolation"
)


class IsolationPlugin:
    """Works in the process that runs the tests; does nothing where all of them share a copy.

    Args:
        text: What was lent, as in `handout.VARIABLE`.

    Attributes:
        revive: Replaces databases, by name, whose server has died.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._lent: list[Lent] | None = None
        self._handouts: dict[str, Handout] = {}
        self._inherited: list[own.Inherited] = []
        self._transactions: dict[str, object] = {}
        self.revive: Callable[[Collection[str]], None] | None = None

    def take(self, text: str) -> None:
        """Go on with other databases, in a fork."""
        self._text, self._lent = text, None

    def before_copies(self) -> None:
        """This process is about to be copied: remember which connections the copies will share with it."""
        self._inherited = own.open_connections(self.databases())

    def in_copy(self, worker: str) -> None:
        """Go on in a copy of the process; as a worker of that name it has databases of its own.

        Raises:
            OSError: The server is gone.
            ServerError: It refused.
        """
        before = self.databases()
        if worker:
            own.close_door(before)
            self._lent = own.make(before, worker)
            os.environ.update(own.variables(self._lent))
            os.environ[VARIABLE] = written(self._lent)
            for old, new in zip(before, self._lent, strict=True):
                Redirect(old.folder, old.port, {old.database: new.database})
        self.reconnect()

    def reconnect(self) -> None:
        """Make good again what was shared with copies of the process: they may have ended it."""
        own.reconnect(self._inherited, self.databases())

    def names(self) -> dict[str, dict[str, str]]:
        """Return what the running test's databases are called on servers: see `ServerLogPlugin`."""
        found: dict[str, dict[str, str]] = {}
        for one in self.databases():
            handout = self._handouts.get(one.name)
            for name in handout.names if handout is not None else (one.database,):
                found.setdefault(one.log, {})[name] = one.name
        for name, one in helpers.more().items():
            found.setdefault(one.log, {})[name] = one.name
        return found

    def databases(self) -> list[Lent]:
        """Return what this process has been lent."""
        if self._lent is None:
            self._lent = lent(self._text)
        return self._lent

    def replace(self, databases: list[Lent]) -> None:
        """Go on with databases of the same names, on other servers: what was known of the former is void."""
        self.close()
        self._lent = databases
        os.environ[VARIABLE] = written(databases)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Hand out what the test is to have, before its fixtures."""
        for name in [one.name for one in self.databases()]:
            try:
                self._give(name, item)
            except (OSError, ServerError) as error:
                self._handouts.pop(name, None)
                pytest.fail(f"database {name} cannot be had: {error}", pytrace=False)

    def _give(self, name: str, item: pytest.Item) -> None:
        """Hand out one database; if its server has died since the last test, a new one's."""
        try:
            self._try_to_give(name, item)
        except OSError:
            if self.revive is None or any(one.relay for one in self.databases() if one.name == name):
                raise
            self.revive([name])
            self._try_to_give(name, item)

    def _try_to_give(self, name: str, item: pytest.Item) -> None:
        one = next(one for one in self.databases() if one.name == name)
        if one.relay:
            self._begin(one, item)
        else:
            self._hand_out(one, item)

    def _hand_out(self, one: Lent, item: pytest.Item) -> None:
        isolation = wanted(item, one.name, one.isolation, _KINDS, _DECLARE)
        handout = self._handouts.get(one.name)
        if handout is None and isolation == "shared":
            return
        if handout is None:
            handout = self._handouts[one.name] = Handout(one)
        handout.give(isolation, _group(item))

    def _begin(self, one: Lent, item: pytest.Item) -> None:
        """Begin what is rolled back at a test's end; what is not in one is kept."""
        isolation = wanted(item, one.name, "transaction", _RELAYED, _DECLARE)
        group = _group(item) if isolation == "transaction" else None
        before = self._transactions.pop(one.name, None)
        if before is None or before != group:
            order(one.relay, "commit" if before is None else "rollback", one.database)
        if group is not None:
            self._transactions[one.name] = group

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """Roll back what a test has done, after its fixtures."""
        try:
            yield
        finally:
            for one in self.databases():
                if self._transactions.get(one.name) == item.nodeid:
                    del self._transactions[one.name]
                    with suppress(OSError):  # it is gone, and so is what was done
                        order(one.relay, "rollback", one.database)

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


def _group(item: pytest.Item) -> object:
    """Return what has one database together: a test, or a class that makes its data once and rolls back."""
    owner = getattr(item, "cls", None)
    django = sys.modules.get("django.test.testcases")
    if django is not None and isinstance(owner, type) and issubclass(owner, django.TestCase):
        return owner
    return item.nodeid
