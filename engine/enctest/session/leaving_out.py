"""A plain run of the affected tests: the others are deselected, and none left is no failure."""

from __future__ import annotations

from collections.abc import Generator

import msgspec
import pytest


class LeftOut(msgspec.Struct, frozen=True):
    """What a run leaves out.

    Attributes:
        tests: Node ids.
        told: A line for the header.
    """

    tests: frozenset[str]
    told: str


class LeavingOut:
    """Deselects tests, after every other plugin had its say.

    Args:
        left_out: Which.
    """

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._count = 0

    def pytest_report_header(self) -> str:
        """Say how many are affected."""
        return self._left_out.told

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Take out what was left after all others."""
        result = yield
        dropped = [item for item in items if item.nodeid in self._left_out.tests]
        if dropped:
            self._count = len(dropped)
            items[:] = [item for item in items if item.nodeid not in self._left_out.tests]
            config.hook.pytest_deselected(items=dropped)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """No test is affected: that is as good as if all had passed."""
        if self._count and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
