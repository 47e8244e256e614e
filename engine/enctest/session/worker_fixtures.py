"""The fixtures of pytest-xdist that tests ask for; registered as a plugin where pytest-xdist is not."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The worker's name, such as `gw0`; `master` where there are no workers."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "master"))


@pytest.fixture(scope="session")
def testrun_uid(request: pytest.FixtureRequest) -> str:
    """An id of the run, the same in all its workers."""
    return str(getattr(request.config, "workerinput", {}).get("testrunuid") or uuid.uuid4().hex)
