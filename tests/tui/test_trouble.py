"""What the app says when something is wrong, missing or lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tui.looking import shows, until
from tests.tui.stage import NOW, FakeFeed, attached, make_app, state
from tests.tui.test_app import READY, feed_of
from textual.pilot import Pilot

from enctest import events as ev
from enctest.config import Settings
from enctest.errors import EnctestError
from enctest_tui.app import EnctestApp

PlayFixture = Callable[..., None]


def test_trouble_from_the_start_is_on_the_screen(play: PlayFixture) -> None:
    feed = feed_of()

    async def open_feed() -> FakeFeed:
        return feed

    app = EnctestApp(open_feed, Path(), Settings(), EnctestError("pyproject.toml is broken", "Mend it."))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "pyproject.toml is broken") and shows(app, "Mend it."))
        await pilot.press("escape")
        await until(pilot, lambda: not shows(app, "pyproject.toml is broken"))

    play(app, scene)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "starting…"),
        ([attached(phase="collecting")], "collecting tests…"),
        ([attached(root="/p/empty"), READY], "no tests: pytest found none in /p/empty"),
    ],
)
def test_an_empty_tree_says_why(play: PlayFixture, events: list[ev.ExplorerEvent], words: str) -> None:
    app = make_app(FakeFeed(*events))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, words))

    play(app, scene)


def test_an_error_is_told_and_the_app_goes_on(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        feed.tell(
            ev.Error(t=NOW, message="0002_orders.sql:7: syntax error", hint="Mend the migration and save.")
        )
        await until(pilot, lambda: shows(app, "0002_orders.sql:7: syntax error"))
        await pilot.press("R")
        await until(pilot, lambda: ev.RunTests(tests=None) in feed.sent)
        feed.tell(ev.Change(t=NOW, paths=("0002_orders.sql",), t_saved=NOW))
        await until(pilot, lambda: not shows(app, "syntax error"))

    play(app, scene)


def test_a_lost_explorer_is_told_and_started_again(play: PlayFixture) -> None:
    first, second = feed_of(), feed_of(state("new.py::test_new"))
    app = make_app(first, second)

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        first.end("the explorer ended")
        await until(
            pilot, lambda: shows(app, "† explorer lost") and shows(app, "^R starts it again, q quits.")
        )
        assert first.was_closed
        await pilot.press("R")
        assert not first.commands(ev.RunTests)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: shows(app, "test_new") and not shows(app, "explorer lost"))

    play(app, scene)


def test_an_explorer_that_does_not_start_is_told(play: PlayFixture) -> None:
    async def open_feed() -> FakeFeed:
        raise EnctestError("the explorer did not start", "It said: no")

    app = EnctestApp(open_feed, Path(), Settings())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "the explorer did not start") and shows(app, "It said: no"))
        await pilot.press("q")

    play(app, scene)


def test_an_unknown_theme_is_told_with_those_there_are() -> None:
    with pytest.raises(EnctestError) as error:
        make_app(feed_of(), settings=Settings(theme="pink"))
    assert "'pink'" in error.value.title
    assert "textual-dark" in error.value.hint
