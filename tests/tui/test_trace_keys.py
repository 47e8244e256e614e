"""The keys of the trace: time, levels, filter, what does the same, pin, copy, source, details."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from tests.tui import traces
from tests.tui.looking import shows, text_of, until
from tests.tui.stage import START
from tests.tui.test_trace_view import app_at, here, opened
from textual import events
from textual.pilot import Pilot

from enctest_tui.widgets.trace_view import TraceView

PlayFixture = Callable[..., None]
BULK = traces.bulk().test
MS = 1_000_000


def shown(view: TraceView) -> tuple[float, float]:
    """Return the shown time, in milliseconds from the trace's beginning."""
    start, end = view.zoom.shown(view.bounds())
    return (start - START) / MS, (end - START) / MS


def selected(view: TraceView, span_: int) -> None:
    view.go_to_span(view.trace.spans[span_])


def test_a_span_fills_the_axis_and_gives_it_back(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        assert not app.main.side.trace.minimap.display
        await until(pilot, lambda: shows(app, "z Zoom"))
        assert not shows(app, "0 All time")
        selected(view, 10)
        await pilot.press("z")
        assert shown(view) == pytest.approx((16.736, 21.164))
        await until(pilot, lambda: shows(app, "4.4 ms shown") and shows(app, "0 All time"))
        assert app.main.side.trace.minimap.display
        await pilot.press("plus")
        assert shown(view) == pytest.approx((17.843, 20.057))
        await pilot.press("minus", "greater_than_sign")
        assert shown(view) == pytest.approx((17.843, 22.271))
        await pilot.press("less_than_sign")
        assert shown(view) == pytest.approx((16.736, 21.164))
        await pilot.press("z")
        await until(pilot, lambda: not app.main.side.trace.minimap.display)
        await pilot.press("z", "0")
        assert shown(view) == pytest.approx((0, 44.2))
        await pilot.press("z", "escape")
        assert shown(view) == pytest.approx((0, 44.2))

    play(app, scene)


def test_going_to_a_span_brings_it_into_the_shown_time(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        selected(view, 3)
        await pilot.press("z", "slash", *"payments", "enter")
        start, end = shown(view)
        assert start < 25.6 < end

    play(app, scene)


def test_another_run_is_shown_whole(play: PlayFixture) -> None:
    app, feed = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        selected(view, 10)
        await pilot.press("z")
        assert view.zoom.chosen is not None
        later = [
            msgspec.structs.replace(each, start_ns=each.start_ns + 10**12, end_ns=(each.end_ns or 0) + 10**12)
            for each in traces.bulk().spans
        ]
        feed.tell(msgspec.structs.replace(traces.bulk(), run=9, spans=tuple(later)))
        await until(pilot, lambda: view.trace.run == 9)
        assert view.zoom.chosen is None
        assert here(view) == "reserve stock"

    play(app, scene)


def test_levels_come_and_go_one_at_a_time(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        everything = view.line_count
        await pilot.press("left_curly_bracket")
        assert view.line_count < everything
        for _ in range(9):
            await pilot.press("left_curly_bracket")
        assert [row.depth for row in view.rows.rows] == [0]
        await until(pilot, lambda: shows(app, "1 level"))
        await pilot.press("right_curly_bracket")
        assert {row.depth for row in view.rows.rows} == {0, 1}
        for _ in range(9):
            await pilot.press("right_curly_bracket")
        assert view.line_count == everything

    play(app, scene)


def test_the_cursor_goes_up_to_what_is_still_shown(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        selected(view, 17)
        await pilot.press("C")
        assert here(view) == "call"

    play(app, scene)


def test_a_filter_leaves_matches_and_what_is_above_them(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        everything = view.line_count
        await pilot.press("ampersand", *"kind:sql >2ms")
        await until(pilot, lambda: shows(app, "2 of 19 spans"))
        rows = [row.span.id for row in view.rows.rows]
        assert rows == [1, 6, 8, 9, 14, 15, 16, 18]
        await pilot.press(*"xx")
        await until(pilot, lambda: shows(app, "'2msxx' is no duration. Write >5ms"))
        assert [row.span.id for row in view.rows.rows] == rows
        await pilot.press("backspace", "backspace", "enter")
        assert view.has_focus
        await pilot.press("escape")
        assert view.line_count == everything
        await pilot.press("ampersand", *"nothing-is-like-this")
        await until(pilot, lambda: shows(app, "no span is like that"))
        await pilot.press("escape")
        assert view.line_count == everything

    play(app, scene)


def test_words_typed_in_one_go_are_words_and_no_commands(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, BULK)
        box = app.main.side.trace.filter
        for character in "&a/b&sql":
            name = {"&": "ampersand", "/": "slash"}.get(character, character)
            app.post_message(events.Key(name, character))
        await until(pilot, lambda: box.text == "a/b&sql")

    play(app, scene)


def test_a_search_goes_to_what_the_filter_hides(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        await pilot.press("ampersand", *"kind:fixture", "enter", "slash", *'"price order"', "enter")
        assert here(view) == "price order"

    play(app, scene)


def test_what_does_the_same_is_reached_with_one_key(play: PlayFixture) -> None:
    app, _ = app_at(traces.history())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, traces.history().test)
        selected(view, 6)
        await pilot.press("asterisk")
        row = view.row
        assert row is not None
        assert row.span.id == 7
        await until(pilot, lambda: shows(app, "2 of 12 spans: SELECT order_lines"))
        await pilot.press("number_sign", "number_sign")
        row = view.row
        assert row is not None
        assert row.span.id == 17

    play(app, scene)


def test_pinned_details_stay_while_the_cursor_moves(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        selected(view, 13)
        await pilot.press("enter", "P", "g")
        await until(pilot, lambda: shows(app, "pinned: price order") and shows(app, "shop.bulk_discount"))
        await pilot.press("slash", *"price", "enter", "P", "g")
        await until(pilot, lambda: not shows(app, "shop.bulk_discount"))

    play(app, scene)


# --- footer and mouse -------------------------------------------------------------------------------------


def test_the_footer_says_what_keys_do_while_two_runs_are_compared(play: PlayFixture) -> None:
    app, feed = app_at(traces.bulk())
    feed.bases[BULK, "pass"] = feed.bases[BULK, "previous"] = traces.bulk_before()

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, BULK)
        await pilot.press("t")
        await until(pilot, lambda: ". Next error" in text_of(app)[-1] and "D Compare" in text_of(app)[-1])
        await pilot.press("D")
        await until(
            pilot, lambda: ". Next difference" in text_of(app)[-1] and "D Run before" in text_of(app)[-1]
        )
        assert "z Zoom" not in text_of(app)[-1]
        await pilot.press("D")
        await until(pilot, lambda: "D No comparison" in text_of(app)[-1])
        await pilot.press("D")
        await until(pilot, lambda: ". Next error" in text_of(app)[-1])

    play(app, scene)


def test_the_picture_of_the_trace_can_be_dragged_over(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        await pilot.press("t")
        selected(view, 10)
        await pilot.press("z")
        minimap = app.main.side.trace.minimap
        await until(pilot, lambda: minimap.size.height)
        left = view.scrollable_content_region.width - 1 - view.axis.cells
        await pilot.mouse_down(minimap, offset=(left + 10, 0))
        await pilot.mouse_up(minimap, offset=(left + 20, 0))
        cells = view.axis.cells
        assert shown(view) == pytest.approx((44.2 * 10.1 / cells, 44.2 * 20.9 / cells), rel=0.02)
        await pilot.click(minimap, offset=(left + cells // 2, 0))
        start, end = shown(view)
        assert (start + end) / 2 == pytest.approx(22.1, rel=0.03)

    play(app, scene)


def test_a_click_in_the_footer_does_what_the_pane_answers(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, BULK)
        await pilot.press("t")
        await until(pilot, lambda: "& Only" in text_of(app)[-1])
        await pilot.click("#keys", offset=(text_of(app)[-1].index("& Only") + 1, 0))
        await until(pilot, lambda: app.main.side.trace.filter.has_focus_within)

    play(app, scene, (160, 48))
