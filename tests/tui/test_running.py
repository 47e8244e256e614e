"""What runs now, for how long, and where it hangs, by keyboard."""

from __future__ import annotations

from collections.abc import Callable

from tests.tui.looking import at_rest, shows, text_of, until
from tests.tui.stage import BANK, HISTORY, NOW, FakeFeed, finished, make_app, shop_attached
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.app import EnctestApp
from enctest_tui.screens.running import RunningScreen

PlayFixture = Callable[..., None]
Screenshot = Callable[[EnctestApp, str], None]
LIBRARY = "/usr/lib/python3.13/site-packages/httpx/_client.py"
STACKS = (
    ev.Stack(
        kind="main",
        name="MainThread",
        frames=(
            "/usr/lib/python3.13/runpy.py:198 _run_module_as_main",
            "/usr/lib/python3.13/site-packages/_pytest/python.py:159 pytest_pyfunc_call",
            "/usr/lib/python3.13/asyncio/runners.py:118 Runner.run",
            "/usr/lib/python3.13/selectors.py:468 EpollSelector.select",
        ),
    ),
    ev.Stack(
        kind="task",
        name="Task-7",
        frames=(
            "tests/api/test_checkout.py:120 test_is_asked_again_after_growing_pauses",
            *(f"{LIBRARY}:{line} AsyncClient.send" for line in range(1600, 1605)),
            "shop/orders/payments.py:57 BankClient.wait",
            "/usr/lib/python3.13/asyncio/tasks.py:702 sleep",
        ),
        waits="a future",
    ),
)


def app_with(*running: tuple[str, float, int]) -> tuple[EnctestApp, FakeFeed]:
    """Return an app in which these tests have run for so many seconds, in these workers."""
    feed = FakeFeed(shop_attached(), ev.Phase(t=NOW, phase="running", run=4))
    for test, seconds, worker in running:
        feed.tell(ev.TestStarted(t=NOW - seconds, run=4, test=test, worker=worker))
    app = make_app(feed)
    app.model.wall = lambda: NOW
    return app, feed


async def opened(pilot: Pilot[None], app: EnctestApp) -> RunningScreen:
    await until(pilot, lambda: shows(app, "W Running"))
    await pilot.press("W")
    await until(pilot, lambda: isinstance(app.screen, RunningScreen) and app.screen.is_mounted)
    assert isinstance(app.screen, RunningScreen)
    return app.screen


def answer(test: str, **more: object) -> ev.Stacked:
    fields: dict[str, object] = {"stacks": STACKS, "since": NOW - 12, "worker": 1, "pid": 4711, **more}
    return ev.Stacked(t=NOW, run=4, test=test, **fields)  # type: ignore[arg-type]


def test_the_longest_is_first_and_asked_about(play: PlayFixture) -> None:
    app, feed = app_with((HISTORY, 0.4, 0), (BANK, 12, 1))

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await until(pilot, lambda: shows(app, "asking…"))
        rows = [line for line in text_of(app) if "worker " in line]
        assert "12 s" in rows[0]
        assert "after_growing_pauses" in rows[0]
        assert feed.commands(ev.FindStacks) == [ev.FindStacks(test=BANK)]
        feed.tell(answer(BANK))
        await until(pilot, lambda: shows(app, "BankClient.wait  shop/orders/payments.py:57"))
        assert shows(app, "task Task-7  waits for a future")
        assert shows(app, "… 3 calls of libraries")
        await pilot.press("j")
        await until(pilot, lambda: feed.commands(ev.FindStacks)[-1] == ev.FindStacks(test=HISTORY))
        feed.tell(answer(HISTORY, stacks=(), problem="its worker does not answer"))
        await until(pilot, lambda: shows(app, "its worker does not answer"))

    play(app, scene)


def test_enter_asks_again_and_an_end_leads_to_the_next(play: PlayFixture) -> None:
    app, feed = app_with((HISTORY, 0.4, 0), (BANK, 12, 1))

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await until(pilot, lambda: len(feed.commands(ev.FindStacks)) == 1)
        await pilot.press("enter")
        await until(pilot, lambda: feed.commands(ev.FindStacks) == 2 * [ev.FindStacks(test=BANK)])
        feed.tell(answer(BANK, is_held=True))
        await until(pilot, lambda: shows(app, "C code holds the interpreter"))
        feed.tell(finished(BANK, run=4))
        await until(pilot, lambda: feed.commands(ev.FindStacks)[-1] == ev.FindStacks(test=HISTORY))
        feed.tell(finished(HISTORY, run=4))
        await until(pilot, lambda: shows(app, "nothing runs now"))
        await pilot.press("W")
        assert app.screen is app.main

    play(app, scene)


def test_screen_of_what_runs(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see two tests that run, and the task in which the first one waits for the bank."""
    app, feed = app_with((HISTORY, 0.4, 0), (BANK, 12, 1))

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        feed.tell(answer(BANK))
        await until(pilot, lambda: shows(app, "BankClient.wait"))
        app.main._ticker.stop() if app.main._ticker else None
        app.main.tests.spin = 0
        app.main.tests.refresh()
        await at_rest(pilot, app)
        screenshot(app, "running")

    play(app, scene)
