"""Waiting for the screen, and reading it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.harness import PATIENCE
from textual._context import visible_screen_stack
from textual.pilot import Pilot

from enctest_tui.app import EnctestApp

_SAME = 4
"""Looks, each after a refresh, at which a picture that is at rest is the same."""


async def nothing_is_ready(min_sleep: float = 0, max_sleep: float = PATIENCE) -> None:
    """Wait until the loop has nothing to do at once, however little of the processor it gets.

    Args:
        min_sleep: Seconds to wait at least.
        max_sleep: Seconds after which the app counts as one that never rests.
    """
    loop: Any = asyncio.get_running_loop()
    deadline = loop.time() + max_sleep
    for pause in (min_sleep, 0.002):
        await asyncio.sleep(pause)
        while loop._ready and loop.time() < deadline:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait until something holds; fail when it does not come to hold."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never came to hold"
        await asyncio.sleep(0.01)
    await pilot.pause()


async def at_rest(pilot: Pilot[None], app: EnctestApp) -> None:
    """Wait until the picture no longer changes, and nothing that would change it is on its way."""
    await until(pilot, lambda: app.main._rest is None)
    pictures = [app.export_screenshot()]
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while len(pictures) < _SAME or len(set(pictures[-_SAME:])) > 1 or app.main._rest is not None:
        assert asyncio.get_running_loop().time() < deadline, "the picture never came to rest"
        await asyncio.sleep(0.01)
        await pilot.pause()
        pictures.append(app.export_screenshot())


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
