"""The details of a span: SQL, source, JSON, EXPLAIN."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.tui import traces
from tests.tui.looking import shows, told, until
from tests.tui.stage import FakeFeed, make_app, shop_attached
from tests.tui.test_trace_keys import BULK, selected
from tests.tui.test_trace_view import app_at, opened
from tests.tui.traces import note, query, span
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.app import EnctestApp

PlayFixture = Callable[..., None]


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


def called(calls: Path) -> str:
    return calls.read_text(encoding="utf-8") if calls.exists() else ""


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
        await until(pilot, lambda: called(calls) == f"{root}/shop/store.py:2\n")
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
        await until(pilot, lambda: called(calls) == f"{root}/shop/store.py:3\n")
        await pilot.press("N", "o")
        await until(pilot, lambda: called(calls).endswith("elsewhere.py:9\n"))
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
