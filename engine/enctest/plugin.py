"""The pytest plugin that every run in this environment loads: free until `enctest` asks for it.

PYTEST_DONT_REWRITE: a session host has imported it before pytest looks at its plugins.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Arm recording and tracing before the first conftest, in the runs of `enctest` and their workers."""
    if "ENCTEST_SPOOL" in os.environ:
        from enctest.session.spool import arm

        arm(early_config, args)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, which only the runs of `enctest` heed."""
    config.addinivalue_line("markers", "isolated: run the test in a process of its own (enctest)")
    config.addinivalue_line(
        "markers",
        "database(*names, isolation): what the test has of managed databases, shared or test (enctest)",
    )


@pytest.fixture
def database_url() -> str:
    """The URL of the managed database, if there is one only (enctest)."""
    from enctest.databases import helpers

    return helpers.database_url()


@pytest.fixture
def superuser_url() -> str:
    """The URL of the managed database for a superuser, if there is one only (enctest)."""
    from enctest.databases import helpers

    return helpers.superuser_url()


@pytest.fixture
def new_test_database() -> Iterator[Callable[..., str]]:
    """Makes more copies of managed databases: called with a declared name or none, gives a URL (enctest)."""
    from enctest.databases import helpers

    with ExitStack() as stack:
        yield lambda name="": stack.enter_context(helpers.new_test_database(name))
