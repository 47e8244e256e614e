"""The trace by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.tui import traces
from tests.tui.looking import shows, until
from tests.tui.stage import BANK, NOW, START, Clock, FakeFeed, make_app, shop_attached
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.app import EnctestApp
from enctest_tui.widgets.trace_view import TraceView
from enctest_tui.wording import label

PlayFixture = Callable[..., None]


def app_at(details: ev.Details, clock: Clock | None = None) -> tuple[EnctestApp, FakeFeed]:
    feed = FakeFeed(shop_attached(), ev.Ready(t=NOW))
    feed.details[details.test] = details
    return make_app(feed, clock=clock), feed


async def opened(pilot: Pilot[None], app: EnctestApp, test: str) -> TraceView:
    """Select the test and go to its trace."""
    await until(pilot, lambda: test in app.model.tests.tests)
    app.main.tests.go_to_test(app.model.tests.tests[test])
    view = app.main.side.trace.view
    await until(pilot, lambda: view.line_count)
    await pilot.press("enter")
    assert view.has_focus
    return view


def here(view: TraceView) -> str:
    row = view.row
    assert row is not None
    return row.note.name if row.note is not None else label(row.span)


def test_a_failing_trace_opens_at_the_span_that_failed(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, traces.bulk().test)
        assert here(view) == "call"

    play(app, scene)


def test_left_folds_then_goes_up_and_right_unfolds_then_goes_down(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, traces.bulk().test)
        before = view.line_count
        await pilot.press("h")
        assert view.line_count < before
        await pilot.press("left")
        assert here(view) == traces.bulk().test
        await pilot.press("j", "j")
        folded = view.line_count
        await pilot.press("G", "k", "l")
        assert (here(view), view.line_count > folded) == ("call", True)
        await pilot.press("right")
        assert here(view) == "INSERT products"
        await pilot.press("space", "C")
        assert view.line_count == 4
        await pilot.press("E")
        assert view.line_count == before

    play(app, scene)


def test_enter_shows_everything_about_a_span(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, traces.bulk().test)
        await pilot.press("slash", *"bulk_discount=0", "enter", "enter")
        await until(pilot, lambda: shows(app, "shop.bulk_discount  0"))
        assert shows(app, "at shop/orders/pricing.py:33")
        await pilot.press("escape")
        await until(pilot, lambda: not shows(app, "at shop/orders/pricing.py:33"))

    play(app, scene)


def test_a_search_goes_from_match_to_match_and_unfolds_what_hides_them(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, traces.bulk().test)
        await pilot.press("C", "g", "slash", *"payments", "enter")
        seen = [here(view)]
        for key in ("n", "n", "n", "N"):
            await pilot.press(key)
            seen.append(here(view))
        client, server, insert = "POST payments/payments 201", "POST /payments 201", "INSERT payments"
        assert seen == [client, server, insert, client, insert]
        await until(pilot, lambda: shows(app, "3/3"))
        await pilot.press("escape")
        assert view.finder.query is None

    play(app, scene)


def test_without_a_search_n_goes_to_the_next_failing_test(play: PlayFixture) -> None:
    app, _ = app_at(traces.history())

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, traces.history().test)
        await pilot.press("n")
        assert app.main.tests.selected is app.model.tests.tests[traces.bulk().test]

    play(app, scene)


def test_errors_are_reached_with_one_key(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, traces.bulk().test)
        await pilot.press("G", "full_stop")
        assert here(view) == traces.bulk().test
        await pilot.press("full_stop")
        assert here(view) == "call"
        await pilot.press("comma")
        assert here(view) == traces.bulk().test

    play(app, scene)


@pytest.mark.parametrize("moves", [False, True])
def test_the_newest_span_is_followed_until_the_user_moves(play: PlayFixture, moves: bool) -> None:
    clock = Clock(START + 600_000_000)
    app, feed = app_at(traces.bank(), clock)
    more = ev.SpanStarted(
        t=NOW,
        run=4,
        test=BANK,
        span=90,
        parent=13,
        name="sleep",
        kind="internal",
        start_ns=clock.now_ns,
    )

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BANK)
        assert here(view) == "wait for the bank"
        if moves:
            await pilot.press("k", "k")
        place = here(view)
        feed.tell(more)
        await until(pilot, lambda: shows(app, "sleep"))
        assert here(view) == (place if moves else "sleep")
        if moves:
            await pilot.press("L")
            assert here(view) == "sleep"

    play(app, scene)


def test_bars_of_open_spans_grow_with_the_clock(play: PlayFixture) -> None:
    clock = Clock(START + 600_000_000)
    app, _ = app_at(traces.bank(), clock)

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, BANK)
        await until(pilot, lambda: shows(app, "600 ms"))
        clock.now_ns += 1_000_000_000
        await until(pilot, lambda: shows(app, "1.6 s"))

    play(app, scene)


def test_the_trace_fills_the_screen_and_gives_it_back(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_catalogue.py"))
        await pilot.press("n", "t")
        await until(pilot, lambda: not shows(app, "test_catalogue.py") and shows(app, "reserve stock"))
        await pilot.press("t")
        await until(pilot, lambda: shows(app, "test_catalogue.py"))
        assert app.main.tests.has_focus

    play(app, scene)
