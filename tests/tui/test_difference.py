"""Comparing a test's trace with an earlier one, by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from tests.tui import traces
from tests.tui.looking import shows, until
from tests.tui.stage import BANK, NOW, Clock, FakeFeed, make_app, shop_attached
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.app import EnctestApp
from enctest_tui.difference import title
from enctest_tui.widgets.difference_view import DifferenceView

Play = Callable[..., None]
BULK = traces.bulk().test


def app_at(
    details: ev.Details, *, passed: bool = True, clock: Clock | None = None
) -> tuple[EnctestApp, FakeFeed]:
    feed = FakeFeed(shop_attached(), ev.Ready(t=NOW))
    feed.details[details.test] = details
    if passed:
        feed.bases[details.test, "pass"] = traces.bulk_before()
    return make_app(feed, clock=clock), feed


async def compared(pilot: Pilot[None], app: EnctestApp, test: str = BULK) -> DifferenceView:
    """Select the test, go to its trace, and compare."""
    await until(pilot, lambda: test in app.model.tests.tests)
    app.main.tests.go_to_test(app.model.tests.tests[test])
    await until(pilot, lambda: app.main.side.trace.view.line_count)
    await pilot.press("enter", "D")
    view = app.main.side.trace.difference
    await until(pilot, lambda: view.has_focus and app.model.base.for_run)
    return view


def here(view: DifferenceView) -> str:
    row = view.row
    assert row is not None
    return f"{row.line.state} {title(row.line)}"


def test_it_opens_where_the_traces_begin_to_differ(play: Play) -> None:
    app, feed = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await compared(pilot, app)
        await until(pilot, lambda: here(view) == "changed price order")
        assert feed.commands(ev.FindBase) == [ev.FindBase(test=BULK, run=3, against="pass")]
        assert shows(app, "compared with its last pass, run 2")
        assert shows(app, "shop.bulk_discount 800 → 0")
        assert shows(app, "1 not reached")
        assert not shows(app, "card accepted")  # what is the same is folded

    play(app, scene, (180, 40))


def test_one_key_goes_from_difference_to_difference(play: Play) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await compared(pilot, app)
        await until(pilot, lambda: here(view) == "changed price order")
        await pilot.press("full_stop")
        assert here(view) == "unreached SELECT orders"
        await pilot.press("full_stop")
        assert here(view) == "changed price order"
        await pilot.press("comma")
        assert here(view) == "unreached SELECT orders"

    play(app, scene)


def test_what_is_the_same_unfolds_by_key(play: Play) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await compared(pilot, app)
        await until(pilot, lambda: view.line_count)
        before = view.line_count
        await pilot.press("E")
        assert view.line_count > before
        assert here(view) == "changed price order"
        await pilot.press("C")
        assert view.line_count == before
        await pilot.press("h")
        assert here(view) == "same POST /orders 201"
        await pilot.press("h", "h")
        assert view.line_count < before
        await pilot.press("l")

    play(app, scene)


def test_the_details_say_what_was_and_what_is(play: Play) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await compared(pilot, app)
        await until(pilot, lambda: here(view) == "changed price order")
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "- 800"))
        assert shows(app, "+ 0")
        assert shows(app, "shop/orders/pricing.py:33")
        await pilot.press("escape")
        assert view.has_focus
        assert not app.main.side.trace.shows_details

    play(app, scene)


def test_it_turns_to_the_run_before_and_back_to_the_waterfall(play: Play) -> None:
    app, feed = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        await compared(pilot, app)
        await pilot.press("D")
        await until(pilot, lambda: shows(app, "there is no run before this one"))
        assert feed.commands(ev.FindBase)[-1] == ev.FindBase(test=BULK, run=3, against="previous")
        await pilot.press("D")
        assert app.main.side.trace.view.has_focus
        assert not shows(app, "run before")

    play(app, scene)


def test_escape_leaves_the_comparison_first(play: Play) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        await compared(pilot, app)
        await pilot.press("escape")
        assert app.main.side.trace.view.has_focus

    play(app, scene)


def test_a_test_that_never_passed_says_so(play: Play) -> None:
    app, _ = app_at(traces.bulk(), passed=False)

    async def scene(pilot: Pilot[None]) -> None:
        await compared(pilot, app)
        await until(pilot, lambda: shows(app, "it has not passed before"))

    play(app, scene)


def test_where_nothing_is_selected_that_ran_it_says_so(play: Play) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: BULK in app.model.tests.tests)
        await pilot.press("g", "t", "D")
        await until(pilot, lambda: shows(app, "select a test that has run to compare it"))

    play(app, scene)


def test_equal_subtrees_are_one_line_that_says_what_each_does(play: Play) -> None:
    def steps(count: int) -> tuple[ev.Span, ...]:
        spans = [traces.span(1, None, "test", BULK, 0, 99)]
        for at in range(count):
            spans += [
                traces.span(2 + 2 * at, 1, "internal", "step", at, at + 0.8),
                traces.query(3 + 2 * at, 2 + 2 * at, "SELECT 1 FROM shelves", at, at + 0.5),
            ]
        return tuple(spans)

    app, feed = app_at(msgspec.structs.replace(traces.bulk(), spans=steps(40)))
    feed.bases[BULK, "pass"] = 2, steps(12)

    async def scene(pilot: Pilot[None]) -> None:
        view = await compared(pilot, app)
        await until(pilot, lambda: here(view) == "changed step")
        assert shows(app, "40x step")
        assert shows(app, "12 → 40 times")
        assert view.line_count == 3
        await pilot.press("j")
        assert here(view) == "same SELECT shelves"

    play(app, scene)


def test_another_test_and_another_run_are_compared_with_their_own(play: Play) -> None:
    app, feed = app_at(traces.bulk())
    feed.details[BANK] = ev.Details(t=NOW, test=BANK, run=1, outcome="passed", spans=traces.bulk().spans[:1])
    feed.bases[BANK, "pass"] = (7, ())

    async def scene(pilot: Pilot[None]) -> None:
        view = await compared(pilot, app)
        await until(pilot, lambda: here(view) == "changed price order")
        app.main.tests.go_to_test(app.model.tests.tests[BANK])
        await until(pilot, lambda: app.model.base.run == 7)
        assert feed.commands(ev.FindBase)[-1] == ev.FindBase(test=BANK, run=1, against="pass")
        again = msgspec.structs.replace(traces.bulk(), run=4)
        feed.details[BULK] = again
        app.main.tests.go_to_test(app.model.tests.tests[BULK])
        await until(pilot, lambda: view.line_count and here(view) == "changed price order")
        assert feed.commands(ev.FindBase)[-1] == ev.FindBase(test=BULK, run=4, against="pass")

    play(app, scene)


def test_a_trace_that_grows_is_compared_as_it_grows(play: Play) -> None:
    whole = traces.bulk_before()[1]
    first = [span for span in whole if span.span in {1, 2, 3, 4, 5}]
    live = [msgspec.structs.replace(span, end_ns=None) if span.span == 1 else span for span in first]
    details = ev.Details(t=NOW, test=BULK, run=5, running=True, spans=tuple(live))
    clock = Clock(max(span.start_ns for span in live) + 1_000_000)
    app, feed = app_at(details, clock=clock)

    async def scene(pilot: Pilot[None]) -> None:
        view = await compared(pilot, app)
        await until(pilot, lambda: view.line_count and view.found.comparison is not None)
        assert view.found.comparison is not None
        assert view.found.comparison.counts["missing"] == 0
        assert view.found.comparison.counts["unreached"] == len(whole) - len(live)
        feed.tell(
            ev.SpanStarted(
                run=5, test=BULK, span=6, parent=1, name="surprise", kind="internal", start_ns=clock()
            )
        )
        await until(pilot, lambda: shows(app, "surprise"))
        assert view.found.comparison.counts["added"] == 1

    play(app, scene)
