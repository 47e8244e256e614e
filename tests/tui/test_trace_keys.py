"""The keys of the trace: time, levels, filter, what does the same, pin, copy, source, details."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.tui import traces
from tests.tui.looking import shows, text_of, told, until
from tests.tui.stage import START, FakeFeed, make_app, shop_attached
from tests.tui.test_trace_view import app_at, here, opened
from tests.tui.traces import note, query, span
from textual import events
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.app import EnctestApp
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


def test_a_query_is_copied_with_its_arguments(play: PlayFixture) -> None:
    app, _ = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        for number, text in (
            (12, "UPDATE products SET stock = stock - 10 WHERE sku = 'tea-1'"),
            (8, "http://orders/orders"),
            (10, "reserve stock"),
        ):
            selected(view, number)
            await pilot.press("y")
            assert app.clipboard == text
        view.go_to(view.rows.rows.index(next(row for row in view.rows.rows if row.note is not None)))
        await pilot.press("y")
        assert app.clipboard == "card accepted, 80.00 charged"
        assert "copied the SQL, 58 characters" in told(app)

    play(app, scene)


# --- source -----------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return a project with a source file, and where the editor writes what it was asked to open."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/store.py").write_text("one = 1\ntwo = 2\nraise ValueError(two)\n", encoding="utf-8")
    editor, calls = tmp_path / "subl", tmp_path / "calls"
    editor.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n', encoding="utf-8")
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    return tmp_path, calls


def app_in(root: Path, *spans: ev.Span) -> EnctestApp:
    details = msgspec.structs.replace(traces.bulk(), spans=spans)
    feed = FakeFeed(msgspec.structs.replace(shop_attached(), root=str(root)), ev.Ready())
    feed.details[BULK] = details
    return make_app(feed, root=root)


SITE: dict[str, Any] = {"code__file__path": "shop/store.py", "code__line__number": 2}
STACK = ["shop/store.py:3 place", "/usr/lib/python3/elsewhere.py:9 other"]
RAISED = note("exception", 4, exception__type="ValueError", exception__message="2", exception__stack=STACK)


def test_a_key_opens_the_line_of_a_span_or_of_what_is_above_it(
    play: PlayFixture, project: tuple[Path, Path]
) -> None:
    root, calls = project
    app = app_in(
        root,
        span(1, None, "test", BULK, 0, 9),
        query(2, 1, "SELECT 1 FROM x", 1, 5, **SITE),
        span(3, 2, "internal", "in", 2, 3),
    )

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        selected(view, 3)
        await pilot.press("o")
        await until(pilot, calls.exists)
        assert calls.read_text(encoding="utf-8") == f"{root}/shop/store.py:2\n"
        selected(view, 1)
        await pilot.press("o")
        await until(pilot, lambda: "no line is known of this span, nor of one above it" in told(app))

    play(app, scene)


def test_any_frame_of_a_stack_opens_and_shows_its_source(
    play: PlayFixture, project: tuple[Path, Path]
) -> None:
    root, calls = project
    app = app_in(root, span(1, None, "test", BULK, 0, 9, RAISED, status="error"))

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, BULK)
        await pilot.press("enter", "tab")
        await until(pilot, lambda: shows(app, "raise ValueError(two)"))
        assert shows(app, "n Next")
        await pilot.press("n", "enter")
        await until(pilot, calls.exists)
        assert calls.read_text(encoding="utf-8") == f"{root}/shop/store.py:3\n"
        await pilot.press("N", "o")
        await until(pilot, lambda: calls.read_text(encoding="utf-8").endswith("elsewhere.py:9\n"))
        await pilot.press("y")
        assert app.clipboard == "/usr/lib/python3/elsewhere.py:9  other"

    play(app, scene)


def test_json_is_a_tree_that_folds(play: PlayFixture) -> None:
    body = {"order": {"id": 7, "lines": [{"sku": "tea-1", "pieces": 10}] * 9}, "paid": True, "note": None}
    spans = (span(1, None, "test", BULK, 0, 9, http__request__body=json.dumps(body)),)
    app = app_in(Path("/nowhere"), *spans)

    async def scene(pilot: Pilot[None]) -> None:
        await opened(pilot, app, BULK)
        await pilot.press("enter", "tab")
        await until(pilot, lambda: shows(app, "▸ 3 keys"))
        await pilot.press("n", "space")
        await until(pilot, lambda: shows(app, "paid: true") and shows(app, "order: ▸ 2 keys"))
        await pilot.press("n", "enter", "n", "l")
        await until(pilot, lambda: shows(app, "sku: tea-1"))
        await pilot.press("h")
        await until(pilot, lambda: not shows(app, "sku: tea-1"))

    play(app, scene)


# --- EXPLAIN ----------------------------------------------------------------------------------------------


def test_a_query_is_explained_on_what_the_test_has_left(play: PlayFixture) -> None:
    app, feed = app_at(traces.bulk())

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        selected(view, 12)
        await until(pilot, lambda: shows(app, "z Zoom"))
        await pilot.press("X")
        await until(pilot, lambda: feed.commands(ev.ExplainQuery) and shows(app, "EXPLAIN ANALYZE …"))
        assert feed.commands(ev.ExplainQuery) == [
            ev.ExplainQuery(
                test=BULK,
                run=3,
                span=12,
                query="UPDATE products SET stock = stock - 10 WHERE sku = 'tea-1'",
                namespace="shop",
            )
        ]
        plan = ("Seq Scan on products  (cost=0.00..1.01 rows=1 width=4) (actual time=0.007..0.008 rows=1)",)
        feed.tell(
            ev.Explained(test=BULK, run=3, span=12, plan=plan, database="shop as the failed test has left it")
        )
        await until(pilot, lambda: shows(app, "Seq Scan on products") and shows(app, "rolled back"))
        feed.tell(ev.Explained(test=BULK, run=3, span=12, problem="no run has the database shop now"))
        await until(pilot, lambda: shows(app, "no run has the database shop now"))

    play(app, scene, (160, 48))


def test_what_cannot_be_explained_is_told_why(play: PlayFixture) -> None:
    spans = (
        span(1, None, "test", BULK, 0, 9),
        query(2, 1, "SELECT a FROM x WHERE b = %s", 1, 2, db__query__parameters=["<Secret>"]),
        query(3, 1, "SELECT a FROM x… (900 more characters)", 2, 3),
    )
    app = app_in(Path("/nowhere"), *spans)

    async def scene(pilot: Pilot[None]) -> None:
        view = await opened(pilot, app, BULK)
        for number in (1, 2, 3):
            selected(view, number)
            await pilot.press("X")
        await until(pilot, lambda: len(told(app)) == 3)
        assert told(app) == [
            "EXPLAIN is for queries of PostgreSQL",
            "1 argument of the query not known in full",
            "the query was too long to be kept as a whole",
        ]

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
