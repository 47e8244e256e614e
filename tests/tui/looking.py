"""Waiting for the screen, and reading it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual._context import visible_screen_stack
from textual.pilot import Pilot

from enctest_tui.app import EnctestApp

PATIENCE = 10.0


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait until something holds; fail after ten seconds."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never came to hold"
        await asyncio.sleep(0.01)
    await pilot.pause()


async def at_rest(pilot: Pilot[None], app: EnctestApp) -> None:
    """Wait until the picture no longer changes: the same at three looks."""
    pictures: list[str] = []

    def same() -> bool:
        pictures.append(app.export_screenshot())
        return len(pictures) > 2 and len(set(pictures[-3:])) == 1 and app.main._rest is None

    await until(pilot, same)


def text_of(app: EnctestApp) -> list[str]:
    """Return the lines on the screen."""
    visible_screen_stack.set(app._background_screens)
    strips: list[Any] = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


def shows(app: EnctestApp, words: str) -> bool:
    """Say whether these words stand in a line of the screen."""
    return any(words in line for line in text_of(app))


def told(app: EnctestApp) -> list[str]:
    """Return what the app has said in passing, oldest first."""
    return [notification.message for notification in app._notifications]
