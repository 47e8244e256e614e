"""The pytest plugin that names the connections a test leaves open, and closes them."""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Any

import pytest

from enctest.databases import sockets
from enctest.databases.handout import SUPERUSER, Lent
from enctest.databases.protocol import Connection, ServerError
from enctest.session.opened import Left, Opened, Openings
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.redaction import redact
from enctest.tracing.values import shorten

MANY = 5
"""Connections that one line of the application may have open: it can mean to keep them."""
_STAY = 20
"""Connections of tests that a process leaves open for whoever may use them still; more are only lost."""
_QUERY = 120
"""Characters shown of a query."""


class ConnectionLeftOpenWarning(UserWarning):
    """A test has opened a connection to a managed database and not closed it."""


class LeaksPlugin:
    """Looks at the end of each test for what was opened in it.

    What a fixture of a wider scope opens, or a library (an ORM, a pool), is theirs to close. What a test's
    own file or a conftest opens is named, unless a variable or an attribute still leads to it, and closed,
    unless anything does and they are few; of what the application opens, only a line that has left many
    is named.

    Args:
        openings: Tells of connections.
        databases: Returns the databases that this process has been lent.
        recorder: Where the running test's spans go, if they are recorded.
    """

    def __init__(
        self, openings: Openings, databases: Callable[[], Iterable[Lent]], recorder: TraceRecorder | None
    ) -> None:
        self._openings = openings
        self._databases = databases
        self._recorder = recorder
        self._opened: list[Opened] = []
        self._applications: list[Opened] = []
        self._kept: list[Opened] = []
        self._named: set[str] = set()
        self._wider = 0
        self._fixtures: list[pytest.FixtureDef[Any]] = []
        self._failed = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        """Begin to note."""
        self._opened.clear()
        self._failed = False
        self._wider = 0
        self._openings.noting = self._note
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Leave out what is opened for several tests."""
        if fixturedef.scope == "function":
            return (yield)
        self._wider += 1
        self._fixtures = [each for each in self._fixtures if each.cached_result is not None] + [fixturedef]
        try:
            return (yield)
        finally:
            self._wider -= 1

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Remember whether the test failed: what its frames hold it could not close."""
        report = yield
        self._failed = self._failed or report.failed
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Look what is left, once all fixtures of the test are torn down."""
        try:
            return (yield)
        finally:
            self._openings.noting = None
            if self._opened:
                self._look(item)

    def _wider_values(self) -> Iterator[object]:
        for each in self._fixtures:
            if each.cached_result is not None:  # it is not torn down
                yield each.cached_result[0]

    def _note(self, opened: Opened) -> None:
        if not self._wider:
            self._opened.append(opened)

    def _look(self, item: pytest.Item) -> None:
        open_now = [each for each in self._opened if each.descriptor() >= 0]
        self._opened.clear()
        if not open_now:
            return
        tests = {str(item.path)}
        mine = [each for each in open_now if each.filename in tests or Path(each.path).name == "conftest.py"]
        left = self._few(self._openings.left(mine, self._wider_values()))
        self._applications += [each for each in open_now if each not in mine]
        many = self._many()
        if left.used or left.lost or many:
            self._tell(item, left, many)

    def _few(self, left: Left) -> Left:
        """Return what is to stay open and what is not: the oldest go when there are too many."""
        kept = [each for each in self._kept if each.descriptor() >= 0] + list(left.used)
        over = max(0, len(kept) - _STAY)
        gone, self._kept = kept[:over], kept[over:]
        used = tuple(each for each in left.used if each not in gone)
        return Left(used, (*left.lost, *gone))

    def _many(self) -> list[Opened]:
        """Return the connections of the application's lines that have left many, each line once."""
        self._applications = [each for each in self._applications if each.descriptor() >= 0]
        counts = Counter(each.place for each in self._applications)
        news = {place for place, count in counts.items() if count > MANY} - self._named
        self._named |= news
        return [each for each in self._applications if each.place in news]

    def _tell(self, item: pytest.Item, left: Left, many: list[Opened]) -> None:
        doing: dict[int, tuple[str, str, str]] = {}
        ours: set[int] = set()
        for one in self._databases():
            ours |= {each.number for each in sockets.connections(one.socket, one.port)}
            with contextlib.suppress(OSError, ServerError):  # it is gone: that is told elsewhere
                doing |= _doing(one)
        lines = []
        places: dict[str, list[Opened]] = {}
        for each in [*left.lost, *left.used, *many]:
            if each.descriptor() in ours:
                places.setdefault(each.place, []).append(each)
        for each, *more in places.values():
            text = _described(each, doing.get(each.server()), len(more))
            ended = [other for other in (each, *more) if other in left.lost]
            if ended:
                text += ", and closed now" if len(ended) > len(more) else f", and {len(ended)} closed now"
            for lost in ended:
                _end(lost)
            if not self._failed or each in many:
                lines.append(text)
                self._say(item, each, text)
        if lines:
            item.add_report_section("teardown", "connections", "\n".join(lines))

    def _say(self, item: pytest.Item, opened: Opened, text: str) -> None:
        """Warn, whatever the warnings' filters make of others: it must not fail a test."""
        warning = warnings.WarningMessage(
            ConnectionLeftOpenWarning(text), ConnectionLeftOpenWarning, opened.filename, opened.line
        )
        item.ihook.pytest_warning_recorded.call_historic(
            kwargs={"warning_message": warning, "nodeid": item.nodeid, "when": "runtest", "location": None}
        )
        if self._recorder is not None:
            attributes = {
                "log.level": "WARNING",
                "log.logger": "enctest.databases",
                "log.message": text,
                "code.file.path": opened.path,
                "code.line.number": opened.line,
            }
            self._recorder.event("log", attributes, span=self._recorder.innermost)


def _described(opened: Opened, doing: tuple[str, str, str] | None, more: int) -> str:
    """Return which connection it is, where it was opened, and with how many more from there."""
    what = f"connection {opened.server()} of {opened.driver}"
    if doing is not None:
        database, state, query = doing
        last = f' after "{shorten(redact(" ".join(query.split())), _QUERY)}"' if query else ""
        what += f" to {database} ({state}{last})"
    others = f" (and {more} more from there)" if more else ""
    return f"{what}, opened at {opened.place}{others}, left open"


def _doing(one: Lent) -> dict[int, tuple[str, str, str]]:
    """Return database, state and last query of each session of a server, by process id."""
    with Connection(one.socket, database=SUPERUSER, user=SUPERUSER, application="enctest") as admin:
        rows = admin.query(
            "select pid, case datname when $1 then $2 else datname end, state, query "
            "from pg_stat_activity where backend_type = 'client backend'",
            one.database,
            one.name,
        )
    return {int(pid or 0): (name or "", state or "", query or "") for pid, name, state, query in rows}


def _end(opened: Opened) -> None:
    """Close a connection beneath its driver, which finds it closed."""
    borrowed = socket(fileno=opened.descriptor())
    try:
        with contextlib.suppress(OSError):  # the server was quicker
            borrowed.shutdown(SHUT_RDWR)
    finally:
        borrowed.detach()
