"""Fixtures of the screen's tests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.tui.looking import nothing_is_ready
from textual.pilot import Pilot

from enctest_tui.app import EnctestApp

GOLDENS = Path(__file__).parents[2] / "screenshots"
WIDE = (120, 40)
Play = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run an app without a terminal and let a coroutine use it."""
    # A pilot takes an app for idle that used no processor for a moment: also one that did not get any.
    for module in ("app", "pilot"):
        monkeypatch.setattr(f"textual.{module}.wait_for_idle", nothing_is_ready)

    def run(app: EnctestApp, scene: Play, size: tuple[int, int] = WIDE) -> None:
        async def perform() -> None:
            async with app.run_test(size=size) as pilot:
                await scene(pilot)

        asyncio.run(perform())

    return run


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[EnctestApp, str], None]:
    """Compare the screen with a golden in screenshots/, or write it with --update-screenshots."""

    def check(app: EnctestApp, name: str) -> None:
        svg = re.sub(r"terminal-\d+", "terminal", app.export_screenshot(title="enctest-tui", simplify=True))
        golden, new = GOLDENS / f"{name}.svg", GOLDENS / f"{name}.new.svg"
        if request.config.getoption("--update-screenshots"):
            golden.write_text(svg, encoding="utf-8")
            new.unlink(missing_ok=True)
            return
        if not golden.exists() or golden.read_text(encoding="utf-8") != svg:
            new.write_text(svg, encoding="utf-8")
            pytest.fail(
                f"the screen differs from {golden}; compare with {new}, accept with --update-screenshots"
            )
        new.unlink(missing_ok=True)

    return check
