"""The pytest plugin that says when a database server died in a test, and has one for the next test."""

from __future__ import annotations

from collections.abc import Collection, Generator
from pathlib import Path

import pytest
from _pytest._code.code import ExceptionRepr

from enctest.databases import revival
from enctest.errors import EnctestError
from enctest.paths import Project
from enctest.session.isolation import IsolationPlugin


class ServerWatchPlugin:
    """Looks whether the servers live whenever a test has failed; registered after `IsolationPlugin`.

    Args:
        isolation: Knows the databases.
        root: The project's root.
    """

    def __init__(self, isolation: IsolationPlugin, root: Path) -> None:
        self._isolation = isolation
        self._root = root
        self._died: set[str] = set()
        self._revival: revival.Revival | None = None
        isolation.revive = self._revive

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say in the failure that the server died, as what a driver says of that is hard to understand."""
        report = yield
        if report.failed:
            found = [one for one in self._isolation.databases() if revival.has_died(one)]
            names = ", ".join(one.name for one in found if one.name not in self._died)
            self._died |= {one.name for one in found}
            if names:
                text = (
                    f"The PostgreSQL server of {names} died while this test ran; the next test has another."
                )
                if isinstance(report.longrepr, ExceptionRepr):
                    report.longrepr.addsection("database server", text)
                else:
                    report.sections.append(("database server", text))
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Start the servers again that have died."""
        if self._died:
            self._revive(self._died)

    def _revive(self, died: Collection[str]) -> None:
        if self._revival is None:
            self._revival = revival.Revival(Project.find(self._root))
        try:
            lent = self._revival.revive(self._isolation.databases(), died)
            self._isolation.replace(lent)
        except EnctestError as error:
            pytest.fail(f"the database server died and cannot be started again: {error.title}", pytrace=False)
        self._died.clear()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Give back what was started."""
        self.close()

    def close(self) -> None:
        """Give back what was started, where the session does not end by itself."""
        if self._revival is not None:
            self._revival.close()
            self._revival = None
