"""The helpers of `enctest.et` as fixtures: each gives the function, imported when it is asked for.

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
override_auth = _helper("override_auth")
published_messages = _helper("published_messages")
set_config = _helper("set_config")
spans = _helper("spans")
