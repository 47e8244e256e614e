"""The pytest plugin that tells a recorder when tests, fixtures and collections begin and end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from enctest.selection.recorder import Recorder


class RecordingPlugin:
    """Registered with a session's plugin manager before the first conftest is imported.

    Args:
        recorder: Already installed.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._narrow: set[object] = set()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Own everything from set-up to teardown."""
        self._recorder.guard(self._recorder.start_test)
        try:
            return (yield)
        finally:
            self._recorder.guard(self._recorder.finish_test, item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Look at the fixtures while pytest still knows them."""
        self._recorder.guard(self._recorder.note_fixtures, item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Keep what a shared fixture needs apart: every test that uses it needs it too."""
        if fixturedef in self._narrow or self._recorder.broken:
            return (yield)
        if fixturedef.scope == "function":
            self._narrow.add(fixturedef)
            return (yield)
        owner = self._recorder.start_fixture(fixturedef)
        try:
            return (yield)
        finally:
            self._recorder.guard(self._recorder.finish_fixture, owner, request)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        """Credit what collecting a file runs to the file."""
        if self._recorder.broken:
            return (yield)
        owner = self._recorder.start_collecting(collector.path)
        try:
            return (yield)
        finally:
            self._recorder.guard(self._recorder.finish_collecting, owner)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Tell what is left."""
        self._recorder.flush()
