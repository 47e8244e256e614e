"""What a trace gives away, by keyboard: findings, times by operation, critical path."""

from __future__ import annotations

import functools
from collections.abc import Callable

from tests.tui import traces
from tests.tui.looking import at_rest, shows, text_of, until
from tests.tui.stage import HISTORY, NOW, FakeFeed, finished, make_app, shop_attached, shop_states
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.app import EnctestApp
from enctest_tui.screens.analysis import AnalysisScreen

PlayFixture = Callable[..., None]
Screenshot = Callable[[EnctestApp, str], None]
N_PLUS_1 = ev.Finding(
    kind="repeated-query",
    title="12x SELECT order_lines, once for each row of SELECT orders",
    why=(
        "The same query with 12 different arguments, at shop/orders/store.py:89 within `order history`. "
        "They take 12.0 ms of 31.0 ms; a join, or one query with all the keys, asks once. "
        "At the last pass there were 4."
    ),
    spans=tuple(range(6, 18)),
    place="shop/orders/store.py:89",
    rank=87,
)
FLAKY = ev.Finding(
    kind="flaky",
    title="failed, then passed, with the same code",
    why=(
        "Nothing that the test is known to need changed between run 2 and run 3. "
        "Its last outcomes: failed passed."
    ),
    rank=90,
)


def app_with(*findings: ev.Finding) -> tuple[EnctestApp, FakeFeed]:
    feed = FakeFeed(shop_attached(), ev.Ready(t=NOW))
    feed.details[HISTORY] = traces.history()
    feed.findings[HISTORY] = findings
    return make_app(feed), feed


async def opened(pilot: Pilot[None], app: EnctestApp, key: str) -> AnalysisScreen:
    await until(pilot, lambda: HISTORY in app.model.tests.tests)
    app.main.tests.go_to_test(app.model.tests.tests[HISTORY])
    await until(pilot, lambda: app.main.side.trace.view.line_count)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, AnalysisScreen))
    assert isinstance(app.screen, AnalysisScreen)
    return app.screen


def test_findings_are_asked_for_shown_and_lead_to_their_spans(play: PlayFixture) -> None:
    app, feed = app_with(FLAKY, N_PLUS_1)

    async def scene(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app, "i")
        await until(pilot, lambda: shows(app, "Findings (2)"))
        assert feed.commands(ev.Explain) == [ev.Explain(test=HISTORY, run=3)]
        assert shows(app, "flaky")
        assert shows(app, "Its last outcomes: failed passed.")
        await pilot.press("enter")
        assert app.screen is screen  # it has no spans to go to
        await pilot.press("j")
        await until(pilot, lambda: shows(app, "At the last pass there were 4."))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        view = app.main.side.trace.view
        await until(pilot, lambda: view.row is not None and view.row.span.id == 6)
        assert view.has_focus
        marked = [view.rows.rows[at].span.id for at in range(view.line_count) if view.marked(at)]
        assert set(marked) == set(range(6, 18))

    play(app, scene)


def test_on_a_narrow_screen_the_spans_are_shown_alone(play: PlayFixture) -> None:
    app, _ = app_with(N_PLUS_1)

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "i")
        await until(pilot, lambda: shows(app, "12x SELECT"))
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "tests/database/test_order_history.py:"))
        view = app.main.side.trace.view
        await until(pilot, lambda: view.row is not None and view.row.span.id == 6)
        assert not app.main.left.display

    play(app, scene, (80, 24))


def test_nothing_found_says_so(play: PlayFixture) -> None:
    app, _ = app_with()

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "i")
        await until(pilot, lambda: shows(app, "nothing stands out"))
        await pilot.press("escape")
        assert app.screen is app.main

    play(app, scene)


def test_a_test_that_runs_again_is_asked_about_again(play: PlayFixture) -> None:
    app, feed = app_with(N_PLUS_1)

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "i")
        await until(pilot, lambda: shows(app, "12x SELECT"))
        feed.tell(ev.TestStarted(t=NOW, run=4, test=HISTORY))
        await until(pilot, lambda: shows(app, "the test is running"))
        feed.findings[HISTORY] = ()
        feed.tell(finished(HISTORY, run=4))
        await until(pilot, lambda: shows(app, "nothing stands out"))
        assert feed.commands(ev.Explain)[-1] == ev.Explain(test=HISTORY, run=4)

    play(app, scene)


def test_times_by_operation(play: PlayFixture) -> None:
    app, _ = app_with()

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "S")
        (row,) = [line for line in text_of(app) if "SELECT order_lines" in line and "12 " in line]
        numbers = row.split()
        assert numbers[1:7] == ["12", "12", "ms", "12", "ms", "1.0"]
        assert shows(app, "median")
        await pilot.press("S")
        assert app.screen is app.main

    play(app, scene)


def test_the_critical_path_begins_at_its_longest_part(play: PlayFixture) -> None:
    app, _ = app_with()

    async def scene(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app, "c")
        await until(
            pilot, lambda: screen.list.row is not None and "connection" in screen.list.row.left[-1][0]
        )
        assert shows(app, "on the path: 33.9% of the test")
        await pilot.press("tab")
        await until(pilot, lambda: shows(app, "looking") or shows(app, "nothing stands out"))

    play(app, scene)


def test_narrow_terminals_lose_columns(play: PlayFixture) -> None:
    app, _ = app_with()

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "S")
        await until(pilot, lambda: shows(app, "share of self"))
        assert not shows(app, "median")

    play(app, scene, (80, 24))


def test_screen_of_findings(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see what was found about the selected test, by which rule, and where."""
    app, _ = app_with(FLAKY, N_PLUS_1)

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "i")
        await until(pilot, lambda: shows(app, "Findings (2)"))
        await pilot.press("j")
        await until(pilot, lambda: shows(app, "a join"))
        await at_rest(pilot, app)
        screenshot(app, "findings")

    play(app, scene)


def test_screen_of_statistics(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see each operation with count, total, self, median, longest, and its share of the time."""
    app, _ = app_with()

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "S")
        await until(pilot, lambda: shows(app, "SELECT order_lines"))
        await at_rest(pilot, app)
        screenshot(app, "statistics")

    play(app, scene)


def test_screen_of_the_critical_path(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see the spans that decided how long the test took, the cursor on the longest part."""
    app, _ = app_with()

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "c")
        await until(pilot, lambda: shows(app, "on the path: 33.9% of the test"))
        await at_rest(pilot, app)
        screenshot(app, "critical-path")

    play(app, scene)


# --- columns of the list ---------------------------------------------------------------------------------


def with_figures() -> FakeFeed:
    """Return the sample project, each test with figures; the history test has grown."""
    feed = FakeFeed(shop_attached(tests=tuple(shop_states())), ev.Ready(t=NOW))
    for place, each in enumerate(shop_states()):
        if "database" in each.info.test or "api" in each.info.test:
            queries = 40 if each.info.test == HISTORY else 3 + place % 7
            found = ev.Figures(queries, place % 3, 4.0, 2.0 + place % 5, 30, each.info.test == HISTORY)
            base = ev.Figures(queries - 28 if each.info.test == HISTORY else queries)
            feed.tell(ev.Measured(t=NOW, run=3, test=each.info.test, figures=found, base=base))
    return feed


async def in_the_list(pilot: Pilot[None], app: EnctestApp) -> None:
    await until(pilot, lambda: HISTORY in app.model.tests.tests and app.model.tests.tests[HISTORY].figures)
    app.main.tests.go_to_test(app.model.tests.tests[HISTORY])
    await pilot.pause()


def row_of(app: EnctestApp, test: str) -> str:
    """Return a test's row in the list; empty when it cannot be seen."""
    width = app.main.left.size.width
    return next((line[:width] for line in text_of(app) if test in line[:width]), "")


def test_a_quiet_mark_and_columns_by_key(play: PlayFixture) -> None:
    app = make_app(with_figures())

    async def scene(pilot: Pilot[None]) -> None:
        await in_the_list(pilot, app)
        await until(pilot, lambda: "◆" in row_of(app, "test_lists_every"))
        assert shows(app, "i Findings")
        assert "+28" not in row_of(app, "test_lists_every")
        await pilot.press("v")
        await until(pilot, lambda: "+28" in row_of(app, "test_lists_every"))
        assert shows(app, "database     self")
        await pilot.press("v")
        await until(pilot, lambda: "+28" not in row_of(app, "test_lists_every"))

    play(app, scene, (160, 40))


def test_sorting_goes_through_the_columns_and_back_to_the_tree(play: PlayFixture) -> None:
    app = make_app(with_figures())
    tests = app.main.tests

    async def scene(pilot: Pilot[None]) -> None:
        await in_the_list(pilot, app)
        tree = [node.id for node in tests.rows.nodes]
        for order in ("time", "queries", "growth", "requests", "database", "self"):
            await pilot.press("s")
            await until(pilot, functools.partial(shows, app, f"most {order} first"))
            assert tests.selected is app.model.tests.tests[HISTORY]
            if order in {"queries", "growth"}:
                assert tests.rows.nodes[0].id == HISTORY
        await pilot.press("s")
        assert [node.id for node in tests.rows.nodes] == tree
        assert not shows(app, "first")

    play(app, scene)


def test_a_sorted_list_is_filtered_and_stays_as_it_is_while_tests_run(play: PlayFixture) -> None:
    feed = with_figures()
    app = make_app(feed)
    tests = app.main.tests

    async def scene(pilot: Pilot[None]) -> None:
        await in_the_list(pilot, app)
        await pilot.press("s", "s", "slash", *"database", "enter")
        await until(pilot, lambda: all("database" in node.id for node in tests.rows.nodes))
        before = [node.id for node in tests.rows.nodes]
        feed.tell(ev.RunStarted(t=NOW, run=5, tests=(HISTORY,), reason="asked"))
        feed.tell(ev.Measured(t=NOW, run=5, test=HISTORY, figures=ev.Figures(), base=None))
        await until(pilot, lambda: app.model.tests.tests[HISTORY].figures == ev.Figures())
        assert [node.id for node in tests.rows.nodes] == before
        feed.tell(ev.RunFinished(t=NOW, run=5, counts={"passed": 1}, duration_ms=1))
        await until(pilot, lambda: tests.rows.nodes[-1].id == HISTORY)

    play(app, scene)


def test_narrow_lists_show_fewer_columns(play: PlayFixture) -> None:
    app = make_app(with_figures())

    async def scene(pilot: Pilot[None]) -> None:
        await in_the_list(pilot, app)
        await pilot.press("v")
        await until(pilot, lambda: shows(app, "queries"))
        assert not shows(app, "http")
        assert row_of(app, "test_lists").split()[-6:] == ["40", "+28", "3.0", "ms", "10", "ms"]

    play(app, scene, (60, 24))


def test_screen_of_columns(play: PlayFixture, screenshot: Screenshot) -> None:
    """You should see tests sorted by queries, with what their traces add up to, and one that has grown."""
    feed = with_figures()
    feed.details[HISTORY] = traces.history()
    app = make_app(feed)

    async def scene(pilot: Pilot[None]) -> None:
        await in_the_list(pilot, app)
        await pilot.press("v", "s", "s")
        await until(pilot, lambda: shows(app, "most queries first") and shows(app, "12x"))
        await at_rest(pilot, app)
        screenshot(app, "columns")

    play(app, scene)
