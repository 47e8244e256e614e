"""The golden screens in screenshots/, which the README shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest
from tests.tui import traces
from tests.tui.looking import at_rest, shows, until
from tests.tui.stage import (
    BANK,
    BULK,
    HISTORY,
    NOW,
    START,
    Clock,
    FakeFeed,
    make_app,
    shop_attached,
    shop_states,
    shop_tests,
    shop_users,
)
from textual.pilot import Pilot

from enctest import events as ev
from enctest.config import Settings
from enctest_tui.app import EnctestApp

PlayFixture = Callable[..., None]
Screenshot = Callable[[EnctestApp, str], None]
PRICED = tuple(test for test in shop_tests() if "checkout" in test or "pricing" in test)
SAVED = (
    ev.Change(t=NOW, paths=("shop/orders/pricing.py",), t_saved=NOW),
    ev.Affected(t=NOW, tests=PRICED, total=92),
    ev.RunStarted(t=NOW, run=4, tests=PRICED, reason="pricing.py changed"),
)
RESULT = (
    ev.RunFinished(t=NOW, run=4, counts={"passed": len(PRICED) - 1, "failed": 1}, duration_ms=96),
    ev.Settled(t=NOW, ms=143),
    ev.Ready(t=NOW),
)


def shop_feed(*after: ev.ExplorerEvent) -> FakeFeed:
    feed = FakeFeed(shop_attached(), ev.Ready(t=NOW), *after)
    feed.details = {details.test: details for details in (traces.bulk(), traces.history(), traces.bank())}
    feed.bases[traces.bulk().test, "pass"] = traces.bulk_before()
    return feed


def run_of(tests: Sequence[str]) -> list[ev.TestFinished]:
    known = {each.info.test: each for each in shop_states()}
    return [
        ev.TestFinished(
            t=NOW,
            run=4,
            test=test,
            outcome=known[test].outcome or "passed",
            duration_ms=known[test].duration_ms,
            message=known[test].message,
        )
        for test in tests
    ]


def stage(
    play: PlayFixture,
    screenshot: Screenshot,
    name: str,
    app: EnctestApp,
    keys: Sequence[str],
    words: str,
    size: tuple[int, int] = (120, 40),
) -> None:
    """Press keys once the tests are there, wait for the words, take the picture."""

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        await at_rest(pilot, app)
        for key in keys:
            await pilot.press(key)
        await until(pilot, lambda: shows(app, words))
        failure = app.main.side.failure
        if failure.has_focus:  # its cursor goes to the error after the lines are there
            await until(pilot, lambda: failure.cursor > 0)
        await at_rest(pilot, app)
        screenshot(app, name)

    play(app, scene, size)


def test_overview(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see the tests, one failing and selected, its trace, and 143 ms from save to result."""
    app = make_app(shop_feed(*SAVED, *run_of(PRICED), *RESULT))
    stage(play, screenshot, "overview", app, "n", "price order")


def test_failure(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see the failing line in bold and the reasons in red."""
    app = make_app(shop_feed(*SAVED, *run_of(PRICED), *RESULT))
    stage(play, screenshot, "failure", app, ["n", "2"], "assert 0 == 800")


def test_live(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see a run going on, and the span in which the selected test hangs, its bar growing."""
    started = ev.TestStarted(t=NOW, run=4, test=BANK)
    feed = shop_feed(*SAVED, *run_of(PRICED[:9]), started)
    app = make_app(feed, clock=Clock(START + 1_234_000_000))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: BANK in app.model.tests.tests and shows(app, "9/"))
        app.main.tests.go_to_test(app.model.tests.tests[BANK])
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "wait for the bank"))
        app.main._ticker.stop() if app.main._ticker else None
        app.main.tests.spin = 0
        app.main.tests.refresh()
        await at_rest(pilot, app)
        screenshot(app, "live")

    play(app, scene)


def test_details(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see the trace on the full screen, and a query with its text, parameters and call site."""
    keys = ["n", "t", "slash", *"orders insert", "enter", "enter"]
    stage(play, screenshot, "trace", make_app(shop_feed()), keys, "at shop/orders/store.py:41", (160, 48))


def test_zoomed(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see one request fill the axis, where it is in the whole trace, and its own time thick."""
    keys = ["n", "t", "ampersand", *"-kind:fixture", "enter", *"jj", "z"]
    stage(play, screenshot, "zoomed", make_app(shop_feed()), keys, "27 ms shown", (120, 30))


def test_explained(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see only the slow queries, one with its arguments, and what it costs."""
    app = make_app(feed := shop_feed())
    plan = (
        "Update on products  (cost=0.14..8.16 rows=0 width=0) (actual time=0.061..0.062 rows=0 loops=1)",
        "  ->  Seq Scan on products  (cost=0.00..5.88 rows=1 width=10) (actual time=0.012..0.041 rows=1)",
        "        Filter: (sku = 'tea-1'::text)",
        "        Rows Removed by Filter: 211",
        "Planning Time: 0.118 ms",
        "Execution Time: 0.097 ms",
    )
    told = ev.Explained(
        t=NOW, test=BULK, run=3, span=12, plan=plan, database="shop as the failed test has left it"
    )

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        await at_rest(pilot, app)
        await pilot.press(
            "n", "t", "ampersand", *"kind:sql >1ms", "enter", "slash", *'"update products"', "enter", "X"
        )
        await until(pilot, lambda: feed.commands(ev.ExplainQuery))
        feed.tell(told)
        await until(pilot, lambda: shows(app, "Rows Removed by Filter"))
        await at_rest(pilot, app)
        screenshot(app, "explained")

    play(app, scene, (160, 32))


def test_comparison(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see where the failing run left the last pass: the discount is 0, no longer 800."""
    keys = ["n", "t", "D", "enter"]
    stage(play, screenshot, "comparison", make_app(shop_feed()), keys, "+ 0", (140, 40))


def test_repeated_queries(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see twelve equal queries as one line, and in the details what they cost together."""
    app = make_app(shop_feed())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "api"))
        app.main.tests.go_to_test(app.model.tests.tests[HISTORY])
        await until(pilot, lambda: shows(app, "12x"))
        await pilot.press("enter", "G", "k", "enter")
        await until(pilot, lambda: shows(app, "12 times"))
        await at_rest(pilot, app)
        screenshot(app, "repeats")

    play(app, scene)


def test_help(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see all keys by group, and the signs."""
    stage(play, screenshot, "help", make_app(shop_feed()), ["question_mark"], "Signs")


def test_narrow(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see the tests alone, with durations, on 80 columns and 24 lines."""
    app = make_app(shop_feed(*SAVED, *run_of(PRICED), *RESULT))
    stage(play, screenshot, "narrow", app, "n", "per_cent_off", (80, 24))


def test_narrow_trace(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see the trace alone on 80 columns and 24 lines."""
    stage(play, screenshot, "narrow-trace", make_app(shop_feed()), ["n", "enter"], "reserve stock", (80, 24))


def test_light(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see the overview in a light theme."""
    feed = shop_feed(*SAVED, *run_of(PRICED), *RESULT)
    stage(
        play,
        screenshot,
        "light",
        make_app(feed, settings=Settings(theme="enctest-light")),
        "n",
        "price order",
    )


def test_trouble(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see what is wrong with a migration and what to do, above tests that keep their results."""
    message = '0005_coupons.up.sql:4: syntax error at or near "TABEL"'
    trouble = ev.Error(t=NOW, message=message, hint="Mend the migration and save: the database is made anew.")
    app = make_app(shop_feed(trouble))
    stage(play, screenshot, "trouble", app, [], "TABEL")


def test_outdated(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see grey tests with amber rings, counted above them, and the way of the change to one."""
    way = "imported by tests/api/test_checkout.py via shop/orders/pricing.py"
    chain = f"module level of `shop/money.py` changed, {way}"
    feed = shop_feed(
        ev.Paused(t=NOW, on=True),
        ev.Change(t=NOW, paths=("shop/money.py",), t_saved=NOW),
        ev.Affected(t=NOW, tests=PRICED, total=92, reasons=dict.fromkeys(PRICED, chain)),
    )
    feed.details = {
        test: msgspec.structs.replace(details, why=chain) for test, details in feed.details.items()
    }
    stage(play, screenshot, "outdated", make_app(feed), ["n"], "outdated, not run since")


def test_turned_round(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see source files, the functions of one, the tests that run one, and the trace of one."""
    feed = shop_feed(*SAVED, *run_of(PRICED), *RESULT)
    feed.users = shop_users()
    keys = ["u", *"jjjj", "l", *"jjj", "l", *"jj"]
    stage(play, screenshot, "users", make_app(feed), keys, "price order")


def test_hunt(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see after which test the selected one fails, and what a fresh process said otherwise."""
    feed = shop_feed(*SAVED, *run_of(PRICED), *RESULT)
    other = PRICED[3]
    feed.tell(
        ev.TestFinished(t=NOW, run=5, test=other, outcome="passed", duration_ms=21.0, warm="failed"),
        ev.Hunted(t=NOW, test=BULK, state="found", polluters=(other,), tries=6),
    )
    stage(play, screenshot, "hunt", make_app(feed), ["n", "2"], "Enter goes to")


@pytest.mark.parametrize("size", [(160, 48)])
def test_overview_large(play: PlayFixture, screenshot: Screenshot, size: tuple[int, int]) -> None:
    """You should see the overview with room for whole names."""
    app = make_app(shop_feed(*SAVED, *run_of(PRICED), *RESULT))
    stage(play, screenshot, "overview-large", app, "n", "price order", size)
