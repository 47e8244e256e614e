"""The pytest plugin that every run in this environment loads: free until somebody asks for it.

`enctest` and explorers do, by a variable; `pytest` by `--enctest` or `enctest = true` in its settings.

PYTEST_DONT_REWRITE: a session host has imported it before pytest looks at its plugins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from typing import Any

import pytest

HOST = "enctest.session.host"
"""Imported where an explorer runs the session."""
SERVICES = "enctest.services.scope"
"""Imported as soon as a project uses services."""
os.environ.pop("ENCTEST_TEST", None)  # a test has started this process: here run tests of their own
_MARKERS = (
    "isolated: run the test in a process of its own (enctest)",
    "database(*names, isolation): shared, test or transaction, for managed databases (enctest)",
    "enable_service_instance_isolation(on=True): instances of services of the test's own (enctest)",
    "mock_endpoint(endpoint, function): a double of an endpoint (enctest)",
    "mock_service(service, double): a double of a service (enctest)",
    "set_config(setting, value): another value of a setting (enctest)",
    "as_user(user, data=None): who calls endpoints (enctest)",
)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Arm recording and tracing before the first conftest, in the runs of `enctest` and their workers."""
    if "ENCTEST_SPOOL" not in os.environ and _is_asked_for(early_config):
        from enctest.explorer.bare import begin

        begin(early_config)
    if "ENCTEST_SPOOL" in os.environ:
        from enctest.session.spool import arm

        arm(early_config, args)


def _is_asked_for(config: pytest.Config) -> bool:
    """Tell whether this session is to begin a run of ours, which it is not part of already."""
    options = config.known_args_namespace
    if not options.enctest and not config.getini("enctest"):
        return False
    is_part = HOST in sys.modules or "PYTEST_XDIST_WORKER" in os.environ
    return not is_part and not options.help and not options.version


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our flag and settings."""
    parser.getgroup("enctest", "enctest: traces and databases").addoption(
        "--enctest",
        action="store_true",
        help="trace this run, give it its managed databases, and show it in an explorer that is open",
    )
    parser.addini("enctest", "as with --enctest, for every run", type="bool", default=False)
    parser.addini(
        "enctest_wait_seconds",
        "how long to wait, at a test's end, for threads, tasks and the like that it began (enctest)",
        default="5",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make markers and fixtures known; the helpers behind them are imported when one is used."""
    from enctest import fixtures

    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    config.pluginmanager.register(fixtures, "enctest-fixtures")
    config.pluginmanager.register(_Tests(), "enctest-tests")


class _Tests:
    """Tells services, once there are any, which test runs."""

    def __init__(self) -> None:
        self._services: Any = None
        self._item: pytest.Item | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Take part before the first test, if its project uses services."""
        if SERVICES in sys.modules and not session.config.option.collectonly:
            self._take_part(session.config)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Around a test; services may be imported in the middle of it."""
        if "spans" in getattr(item, "fixturenames", ()):
            import enctest.et  # noqa: F401 - before its setup, of which spans are to be kept too
        self._item = item
        _running.append(self)
        try:
            if SERVICES in sys.modules:
                self.begin()
            return (yield)
        finally:
            _running.remove(self)
            if self._services is not None:
                self._services.end()

    def begin(self, *, late: bool = False) -> None:
        """Say that the test runs; `late` if that may have been so for a while."""
        if self._item is not None:
            self._take_part(self._item.config).begin(self._item, late=late)

    def _take_part(self, config: pytest.Config) -> Any:
        if self._services is None:
            from enctest.services.pytest_plugin import ServicesPlugin

            self._services = ServicesPlugin(config)
            config.pluginmanager.register(self._services, "enctest-services")
        return self._services


_running: list[_Tests] = []


def services_imported() -> None:
    """Let services know of a test that runs already."""
    if _running:
        _running[-1].begin(late=True)
