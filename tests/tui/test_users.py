"""The tests turned round: from files and functions to the tests that run them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.tui.looking import shows, told, until
from tests.tui.stage import NOW, FakeFeed, attached, ended, make_app, started, state
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.app import EnctestApp
from enctest_tui.users import UserRows, UserTree

A, B, C = "a.py::test_a", "a.py::TestIt::test_b[red]", "d/c.py::test_c"
READY = ev.Ready(t=NOW)
PlayFixture = Callable[..., None]
FILES = ev.Users(path=None, uses=(ev.Use(name="shop/tax.py", tests=1), ev.Use(name="shop/cart.py", tests=3)))
CART = ev.Users(
    path="shop/cart.py",
    uses=(ev.Use(name="Cart.total", tests=2, line=30), ev.Use(name="add", tests=3, line=10)),
    tests=(A, B, C),
)
TOTAL = ev.Users(path="shop/cart.py", function="Cart.total", tests=(A, B))


def answered(*answers: ev.Users) -> UserRows:
    tree = UserTree()
    for answer in answers:
        tree.take(answer)
    rows = UserRows(tree)
    rows.rebuild()
    return rows


def names(rows: UserRows) -> list[str]:
    return [f"{'  ' * row.depth}{row.name}" for row in rows.rows]


def test_files_by_path_functions_by_line() -> None:
    rows = answered(FILES, CART, TOTAL)
    assert names(rows) == ["shop/cart.py", "shop/tax.py"]
    rows.fold(rows.rows[0], open_=True)
    rows.fold(rows.rows[3], open_=True)
    assert names(rows) == [
        "shop/cart.py", "  the whole file", "  add", "  Cart.total", f"    {A}", f"    {B}", "shop/tax.py",
    ]  # fmt: skip


def test_what_was_not_answered_yet_waits() -> None:
    rows = answered(FILES)
    rows.fold(rows.rows[0], open_=True)
    assert names(rows) == ["shop/cart.py", "  …", "shop/tax.py"]
    assert list(rows.questions()) == [ev.FindUsers(), ev.FindUsers(path="shop/cart.py")]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("tax", ["shop/tax.py"]),
        ("cart.py", ["shop/cart.py", "  the whole file", "  add", "  Cart.total"]),
        ("cart total", ["shop/cart.py", "  Cart.total"]),
        ("nothing", []),
    ],
)
def test_filters_know_files_and_functions(text: str, left: list[str]) -> None:
    rows = answered(FILES, CART)
    rows.fold(rows.rows[0], open_=True)
    rows.set_filter(text)
    assert names(rows) == left


def test_the_cursor_stays_on_its_function_when_answers_come_anew() -> None:
    rows = answered(FILES, CART)
    rows.fold(rows.rows[0], open_=True)
    rows.cursor = 3
    first = ev.Use(name="first", tests=1, line=1)
    rows.tree.take(ev.Users(path="shop/cart.py", uses=(first, *CART.uses), tests=(A,)))
    rows.rebuild()
    assert rows.selected is not None
    assert rows.selected.name == "Cart.total"


@pytest.mark.parametrize(
    ("line", "name"), [(9, "shop/cart.py"), (10, "add"), (29, "add"), (99, "Cart.total")]
)
def test_a_line_is_in_the_function_that_begins_last_before_it(line: int, name: str) -> None:
    rows = answered(FILES, CART)
    assert rows.go_to("shop/cart.py", line)
    assert rows.selected is not None
    assert rows.selected.name == name


def feed_of() -> FakeFeed:
    feed = FakeFeed(attached(state(A), state(B, "failed", 2), state(C, None)), READY)
    feed.users = [FILES, CART, TOTAL]
    return feed


def selected(app: EnctestApp) -> str:
    row = app.main.left.users.selected
    return row.name if row is not None else ""


def test_u_turns_the_tests_round_and_enter_goes_to_a_test(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("u")
        await until(pilot, lambda: shows(app, "shop/tax.py") and not shows(app, "test_c"))
        await pilot.press("l")
        await until(pilot, lambda: shows(app, "Cart.total"))
        await pilot.press("j", "j", "j")
        await until(pilot, lambda: selected(app) == "Cart.total")
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "test_b[red]"))
        await pilot.press("j", "j")
        await until(pilot, lambda: ev.Follow(test=B) in feed.sent and shows(app, "✗ failed"))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.tests.has_focus and not shows(app, "shop/tax.py"))
        assert app.main.tests.selected is app.model.tests.tests[B]

    play(app, scene)


@pytest.mark.parametrize("key", ["u", "escape"])
def test_the_tree_comes_back_as_it_was(play: PlayFixture, key: str) -> None:
    app = make_app(feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("j", "j", "u")
        await until(pilot, lambda: shows(app, "shop/tax.py"))
        await pilot.press("slash", *"tax", "enter")
        await until(pilot, lambda: shows(app, "1 of 2") and not shows(app, "shop/cart.py"))
        assert selected(app) == "shop/tax.py"
        await pilot.press(*(["escape"] if key == "escape" else []), key)
        await until(pilot, lambda: shows(app, "test_c") and app.main.tests.has_focus)
        assert app.main.tests.cursor == 2
        assert not app.main.tests.rows.filter

    play(app, scene)


def test_the_tests_of_a_function_are_run_with_one_key(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("u")
        await until(pilot, lambda: shows(app, "shop/tax.py"))
        await pilot.press("r")
        await until(pilot, lambda: "unfold it first: its tests are not known yet" in told(app))
        assert not feed.commands(ev.RunTests)
        await pilot.press("l")
        await until(pilot, lambda: shows(app, "Cart.total"))
        await pilot.press("r")
        await until(pilot, lambda: ev.RunTests(tests=(A, B, C)) in feed.sent)

    play(app, scene)


def test_a_span_leads_to_the_tests_that_run_its_function(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())
    place = {"code.file.path": "shop/cart.py", "code.line.number": 33}
    feed.details = {A: ev.Details(test=A, run=1, outcome="passed")}

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("u", "slash", *"tax", "enter", "u")
        await until(pilot, lambda: app.main.tests.has_focus)
        app.main.tests.go_to_test(app.model.tests.tests[A])
        await until(pilot, lambda: app.model.details.known)
        feed.tell(ev.TestStarted(t=NOW, run=1, test=A), started(1, None, "price it", attributes=place))
        feed.tell(ended(1, 5.0))
        await until(pilot, lambda: shows(app, "price it"))
        await pilot.press("enter", "u")
        await until(pilot, lambda: selected(app) == "Cart.total")
        assert ev.FindUsers(path="shop/cart.py", function="Cart.total") in feed.sent
        assert not app.main.left.users_filter.text
        await until(pilot, lambda: shows(app, "test_b[red]"))

    play(app, scene)


def test_a_file_that_no_test_needs_is_said(play: PlayFixture) -> None:
    app = make_app(feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("n", "4", "tab", "u")
        await until(pilot, lambda: "no test is known to need a.py" in told(app))

    play(app, scene)


def test_counts_are_asked_for_again_after_a_run(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("u", "l")
        await until(pilot, lambda: shows(app, "Cart.total"))
        feed.sent.clear()
        feed.users = [FILES, ev.Users(path="shop/cart.py", uses=(ev.Use(name="renamed", tests=2, line=3),))]
        feed.tell(ev.RunFinished(t=NOW, run=1, counts={}, duration_ms=1))
        await until(pilot, lambda: shows(app, "renamed") and not shows(app, "Cart.total"))
        assert feed.commands(ev.FindUsers) == [ev.FindUsers(), ev.FindUsers(path="shop/cart.py")]

    play(app, scene)
