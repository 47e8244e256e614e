"""The helpers as fixtures; those of `enctest.et` give the function. What they need is imported when used.

PYTEST_DONT_REWRITE: a session host has imported it before pytest looks at its plugins.
"""

from __future__ import annotations

from typing import Any

import pytest


def _helper(name: str) -> Any:
    @pytest.fixture(scope="session", name=name)
    def helper() -> Any:
        from enctest import et

        return getattr(et, name)

    helper.__doc__ = f"`enctest.et.{name}`."
    return helper


adeliver = _helper("adeliver")
advance_time = _helper("advance_time")
as_user = _helper("as_user")
deliver = _helper("deliver")
enable_service_instance_isolation = _helper("enable_service_instance_isolation")
mock_endpoint = _helper("mock_endpoint")
mock_service = _helper("mock_service")
new_test_database = _helper("new_test_database")
override_auth = _helper("override_auth")
published_messages = _helper("published_messages")
set_config = _helper("set_config")
spans = _helper("spans")
superuser = _helper("superuser")


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
