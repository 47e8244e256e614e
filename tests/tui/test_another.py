"""Comparing a test's trace with another test's, by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from tests.tui import traces
from tests.tui.looking import shows, told, until
from tests.tui.stage import NOW, FakeFeed, make_app, shop_attached
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.app import EnctestApp
from enctest_tui.difference import title
from enctest_tui.screens.test_choice import TestChoice
from enctest_tui.widgets.difference_view import DifferenceView

Play = Callable[..., None]
BULK = traces.bulk().test
NINE = BULK.replace("ten_of_a_kind_are_ten_per_cent_off", "nine_of_a_kind_are_not")


def of_nine() -> tuple[int, tuple[ev.Span, ...]]:
    """Return a trace that the other test could have left: it pays, too, but gets no discount."""
    run, spans = traces.bulk_before()
    attributes = {"pytest.nodeid": NINE, "code.function.name": "test_nine_of_a_kind_are_not"}
    root = msgspec.structs.replace(spans[0], name=NINE, attributes=attributes)
    return run, (root, *spans[1:])


def app_at(**bases: tuple[int, tuple[ev.Span, ...]]) -> tuple[EnctestApp, FakeFeed]:
    feed = FakeFeed(shop_attached(), ev.Ready(t=NOW))
    mine = traces.bulk()
    attributes = {"pytest.nodeid": BULK, "code.function.name": "test_ten_of_a_kind"}
    root = msgspec.structs.replace(mine.spans[0], attributes=attributes)
    feed.details[BULK] = msgspec.structs.replace(mine, spans=(root, *mine.spans[1:]))
    feed.bases[BULK, "pass"] = traces.bulk_before()
    feed.bases |= {({"nine": NINE}[name], "other"): base for name, base in bases.items()}
    return make_app(feed), feed


async def asked(pilot: Pilot[None], app: EnctestApp, *keys: str) -> TestChoice:
    """Select the test, go to its trace, and ask for another to compare it with."""
    await until(pilot, lambda: BULK in app.model.tests.tests)
    app.main.tests.go_to_test(app.model.tests.tests[BULK])
    await until(pilot, lambda: app.main.side.trace.view.line_count)
    await pilot.press("enter", *keys, "O")
    await until(pilot, lambda: isinstance(app.screen, TestChoice))
    assert isinstance(app.screen, TestChoice)
    return app.screen


async def typed(pilot: Pilot[None], choice: TestChoice, words: Sequence[str]) -> None:
    await pilot.press(*words)
    await until(pilot, lambda: choice.box.text == "".join(words))


def here(view: DifferenceView) -> str:
    row = view.row
    assert row is not None
    return f"{row.line.state} {title(row.line)}"


def test_words_and_enter_compare_with_the_test_that_they_find(play: Play) -> None:
    app, feed = app_at(nine=of_nine())

    async def scene(pilot: Pilot[None]) -> None:
        choice = await asked(pilot, app)
        await typed(pilot, choice, "nine")
        await until(pilot, lambda: shows(app, "1 of 91"))
        await pilot.press("enter")
        view = app.main.side.trace.difference
        await until(pilot, lambda: view.has_focus and app.model.base.for_run)
        assert feed.commands(ev.FindBase) == [ev.FindBase(test=BULK, run=3, against="other", other=NINE)]
        # The traces part at what the two do, not at the tests' names and functions.
        await until(pilot, lambda: here(view) == "changed price order")
        assert shows(app, f"compared with {NINE}, run 2: ")
        assert shows(app, "shop.bulk_discount 800 → 0")
        await pilot.press("D")
        assert app.main.side.trace.view.has_focus

    play(app, scene, (220, 40))


def test_the_list_begins_at_the_neighbours_and_leaves_out_the_test_itself(play: Play) -> None:
    app, feed = app_at(nine=of_nine())

    async def scene(pilot: Pilot[None]) -> None:
        choice = await asked(pilot, app, "D")
        assert BULK not in [test.id for test in choice.list.tests]
        names = [test.id for test in choice.list.tests]
        start = choice.list.cursor
        assert BULK.partition("::")[0] in {
            names[start - 1].partition("::")[0],
            names[start].partition("::")[0],
        }
        await pilot.press("down")
        assert choice.list.has_focus
        await pilot.press(*(["k"] * (start - names.index(NINE))) if start > names.index(NINE) else ["j"])
        selected = choice.list.selected
        assert selected is not None
        await pilot.press("enter")
        await until(pilot, lambda: feed.commands(ev.FindBase)[-1:] != feed.commands(ev.FindBase)[:1])
        last = feed.commands(ev.FindBase)[-1]
        assert last == ev.FindBase(test=BULK, run=3, against="other", other=selected.id)

    play(app, scene)


def test_escape_leaves_everything_as_it_was(play: Play) -> None:
    app, feed = app_at(nine=of_nine())

    async def scene(pilot: Pilot[None]) -> None:
        choice = await asked(pilot, app)
        await typed(pilot, choice, "nine")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.side.trace.view.has_focus
        assert not feed.commands(ev.FindBase)

    play(app, scene)


def test_a_test_without_a_trace_says_what_to_do_and_is_asked_again_once_it_has_run(play: Play) -> None:
    app, feed = app_at()

    async def scene(pilot: Pilot[None]) -> None:
        choice = await asked(pilot, app)
        await typed(pilot, choice, "nine")
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "test_nine_of_a_kind_are_not has no trace yet: run it"))
        feed.bases[NINE, "other"] = of_nine()
        feed.tell(ev.RunFinished(t=NOW, run=4, counts={"passed": 1}, duration_ms=9))
        view = app.main.side.trace.difference
        await until(pilot, lambda: view.line_count and here(view) == "changed price order")

    play(app, scene)


def test_the_heading_fits_where_there_is_little_room(play: Play) -> None:
    app, _ = app_at(nine=of_nine())

    async def scene(pilot: Pilot[None]) -> None:
        choice = await asked(pilot, app)
        await typed(pilot, choice, "nine")
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "…, run 2: 1 changed, 1 not reached"))
        assert shows(app, "compared with test_nine")

    play(app, scene, (60, 20))


def test_where_nothing_is_selected_that_ran_it_says_so(play: Play) -> None:
    app, _ = app_at()

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: BULK in app.model.tests.tests)
        await pilot.press("g", "t", "O")
        await until(pilot, lambda: told(app))
        assert told(app) == ["select a test that has run to compare it"]
        assert app.screen is app.main

    play(app, scene)


def test_the_other_tests_query_is_not_explained_as_this_ones(play: Play) -> None:
    app, feed = app_at(nine=of_nine())

    async def scene(pilot: Pilot[None]) -> None:
        choice = await asked(pilot, app)
        await typed(pilot, choice, "nine")
        await pilot.press("enter")
        view = app.main.side.trace.difference
        await until(pilot, lambda: view.line_count and here(view) == "changed price order")
        await pilot.press("full_stop")
        assert here(view) == "unreached SELECT orders"
        await pilot.press("X")
        await until(pilot, lambda: told(app))
        assert told(app) == ["it is the other test's query: explain it there"]
        assert not feed.commands(ev.ExplainQuery)

    play(app, scene)
