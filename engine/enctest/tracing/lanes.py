"""Fixtures that several tests share: beside the test that happens to set them up, and not counted for it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from enctest.events import Attributes
from enctest.tracing.model import SHARED
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan

LINKS: Final = "pytest.fixtures.shared"
"""Attribute of a test: the shared fixtures it uses that an earlier one set up, as `NAME: NODEID`."""


class Lanes:
    """Opens and closes the spans of fixtures, those that are shared in lanes of their own."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self._recorder = recorder
        self._outermost: OpenSpan | None = None
        self._elsewhere_ns = 0
        self._made: dict[pytest.FixtureDef[Any], str] = {}

    def enter(self, name: str, attributes: Attributes) -> OpenSpan | None:
        """Open the span of a fixture's set-up or teardown; a shared one's within no other is a lane."""
        lane = bool(attributes[SHARED]) and self._outermost is None
        span = self._recorder.enter(name, "fixture", attributes, lane=lane)
        if lane:
            self._outermost = span
        return span

    def left(self, span: OpenSpan | None) -> None:
        """Count what a lane took, once its span is closed."""
        if span is not None and span is self._outermost:
            self._outermost = None
            self._elsewhere_ns += span.end_ns - span.start_ns

    def made(self, fixture: pytest.FixtureDef[Any], test: str) -> None:
        """Remember which test a shared fixture was set up in."""
        self._made[fixture] = test

    def take(self) -> int:
        """Return the nanoseconds that lanes took since the last call."""
        taken, self._elsewhere_ns = self._elsewhere_ns, 0
        return taken

    def links(self, item: pytest.Item) -> list[str]:
        """Return the shared fixtures of a test that others set up before it."""
        info = getattr(item, "_fixtureinfo", None)
        if not self._made or info is None:
            return []
        found = []
        for name, definitions in info.name2fixturedefs.items():
            test = self._made.get(definitions[-1])
            if test is not None and test != item.nodeid:
                found.append(f"{name}: {test}")
        return found
