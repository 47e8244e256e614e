"""What the app does with events and keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.tui.looking import shows, text_of, until
from tests.tui.stage import NOW, FakeFeed, attached, finished, make_app, started, state
from textual.pilot import Pilot

from enctest import events as ev
from enctest.config import Settings

A, B, C = "a.py::test_a", "a.py::TestIt::test_b[red]", "d/c.py::test_c"
READY = ev.Ready(t=NOW)
PlayFixture = Callable[..., None]


def feed_of(*states: ev.TestState) -> FakeFeed:
    return FakeFeed(attached(*(states or (state(A), state(B, "failed", 2), state(C, None)))), READY)


def test_tests_appear_and_the_first_is_shown(play: PlayFixture) -> None:
    app = make_app(feed := feed_of(state("a.py::test_a"), state("a.py::test_b")))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_b"))
        await pilot.press("j")
        await until(pilot, lambda: feed.commands(ev.Follow))
        assert feed.sent[-1] == ev.Follow(test="a.py::test_a")
        assert shows(app, "✓ passed")

    play(app, scene)


@pytest.mark.parametrize(
    "test",
    [
        "a.py::test_x[red] [/b] 日本",
        "a.py::test_x[$(rm)-[bold]]",
        "a.py::test_x[[@click=app.quit]x[/]]",
        "a.py::test_[]",
    ],
)
def test_node_ids_are_never_markup(play: PlayFixture, test: str) -> None:
    app = make_app(feed := feed_of(state(test, "failed")))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "a.py"))
        await pilot.press("n")
        await until(pilot, lambda: ev.Follow(test=test) in feed.sent)
        shown = "".join(text_of(app))
        parameters = test[test.index("[") :]
        assert parameters in shown
        feed.tell(ev.Error(t=NOW, message=f"{test} [/nonsense", hint="[red]mend[/red]"))
        await until(pilot, lambda: shows(app, "[red]mend[/red]"))

    play(app, scene)


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (200, 60)])
def test_every_size_shows_something(play: PlayFixture, size: tuple[int, int]) -> None:
    app = make_app(feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "a.py") or size[1] < 10)
        for key in (
            "n",
            "enter",
            "1",
            "2",
            "3",
            "4",
            "t",
            "escape",
            "question_mark",
            "escape",
            "slash",
            "x",
            "escape",
        ):
            await pilot.press(key)
        assert len(text_of(app)) == size[1]

    play(app, scene, size)


def test_narrow_terminals_switch_between_tests_and_tabs(play: PlayFixture) -> None:
    app = make_app(feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        assert not shows(app, "Failure")
        await pilot.press("n", "enter")
        await until(pilot, lambda: shows(app, "Failure") and not shows(app, "test_c"))
        await pilot.press("escape")
        await until(pilot, lambda: shows(app, "test_c"))

    play(app, scene, (80, 24))


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        (("R",), ev.RunTests(tests=None)),
        (("f",), ev.RunFailed()),
        (("x",), ev.Stop()),
        (("w",), ev.Pause(on=True)),
        (("n", "r"), ev.RunTests(tests=(B,))),
        (("n", "F"), ev.RunTests(tests=(B,), how="fresh")),
        (("n", "I"), ev.RunTests(tests=(B,), how="isolated")),
        (("n", "H"), ev.Hunt(test=B)),
        (("n", "d"), ev.Debug(test=B)),
        (("g", "r"), ev.RunTests(tests=("d",))),
        (("n", "k", "r"), ev.RunTests(tests=(B,))),
        (("slash", "t", "e", "s", "t", "enter", "g", "r"), ev.RunTests(tests=(C,))),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_keys_become_commands(play: PlayFixture, keys: tuple[str, ...], command: ev.Command) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press(*keys)
        await until(pilot, lambda: command in feed.sent)

    play(app, scene)


def test_the_users_keys_take_the_place_of_ours(play: PlayFixture) -> None:
    app = make_app(feed := feed_of(), settings=Settings(keys={"run-all": "ctrl+t", "stop": ""}))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "^T All"))
        await pilot.press("R", "x")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: ev.RunTests(tests=None) in feed.sent)
        assert [type(command) for command in feed.sent if not isinstance(command, ev.Follow)] == [ev.RunTests]

    play(app, scene)


def test_the_filter_leaves_what_matches_and_escape_gives_it_up(play: PlayFixture) -> None:
    app = make_app(feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("slash", "r", "e", "d")
        await until(pilot, lambda: not shows(app, "test_c") and shows(app, "1 of 3"))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.tests.has_focus)
        assert app.main.tests.rows.filter == "red"
        await pilot.press("escape")
        await until(pilot, lambda: shows(app, "test_c"))

    play(app, scene)


def test_the_cursor_stays_on_its_line_when_rows_appear_above(play: PlayFixture) -> None:
    states = [state(f"m/test_{at:02}.py::test_{at}") for at in range(40)]
    app = make_app(feed := feed_of(*states))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_00.py"))
        tests = app.main.tests
        tests.go_to(50)
        await pilot.pause()
        selected, line = tests.selected, tests.cursor - tests.scroll_offset.y
        assert selected is not None
        added = tuple(ev.TestInfo(test=f"a/new.py::test_{at}", path="a/new.py", line=at) for at in range(9))
        feed.tell(ev.FileCollected(t=NOW, run=1, path="a/new.py", tests=added))
        await until(pilot, lambda: len(tests.rows.nodes) == 81 + 11)
        assert tests.selected is selected
        assert tests.cursor - tests.scroll_offset.y == line

    play(app, scene)


def test_until_the_user_moves_the_cursor_goes_to_the_first_failure(play: PlayFixture) -> None:
    app = make_app(feed := feed_of(state(A), state(B), state(C)))
    over = ev.RunFinished(t=NOW, run=1, counts={"failed": 1}, duration_ms=5)

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        feed.tell(ev.RunStarted(t=NOW, run=1, tests=(A,), reason=""), finished(A, "failed"), over)
        await until(pilot, lambda: ev.Follow(test=A) in feed.sent)
        await pilot.press("G")
        place = app.main.tests.cursor
        feed.tell(ev.RunStarted(t=NOW, run=2, tests=(C,), reason=""), finished(C, "failed", run=2), over)
        await until(pilot, lambda: shows(app, "✗ 2"))
        assert app.main.tests.cursor == place

    play(app, scene)


def test_everything_is_folded_and_unfolded_with_one_key(play: PlayFixture) -> None:
    app = make_app(feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("G", "C")
        await until(pilot, lambda: not shows(app, "test_c") and not shows(app, "TestIt"))
        assert app.main.tests.selected is app.model.tests.root.children["a.py"]
        await pilot.press("E")
        await until(pilot, lambda: shows(app, "[red]"))

    play(app, scene)


def test_n_and_shift_n_walk_through_failures(play: PlayFixture) -> None:
    app = make_app(feed_of(state(A, "failed"), state(B), state(C, "error")))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        seen = []
        for key in ("n", "n", "N", "N"):
            await pilot.press(key)
            seen.append(app.main.tests.selected.id if app.main.tests.selected else "")
        assert seen == [C, A, C, A]

    play(app, scene)


def test_live_spans_appear_one_by_one(play: PlayFixture) -> None:
    app = make_app(feed := feed_of(state(A)))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_a"))
        await pilot.press("j")
        await until(pilot, lambda: ev.Follow(test=A) in feed.sent)
        feed.tell(ev.RunStarted(t=NOW, run=1, tests=(A,), reason=""), ev.TestStarted(t=NOW, run=1, test=A))
        feed.tell(
            started(1, None, A, "test"), started(2, 1, "call", "phase"), started(3, 2, "wait for the bank")
        )
        await until(pilot, lambda: shows(app, "wait for the bank") and shows(app, "live"))
        feed.tell(finished(A, "crashed", message="killed"))
        await until(pilot, lambda: not shows(app, "● live") and shows(app, "† wait for the bank"))

    play(app, scene)


def test_progress_and_time_from_save_to_result(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        feed.tell(
            ev.Change(t=NOW, paths=("shop/cart.py",), t_saved=NOW),
            ev.Affected(t=NOW, tests=(A, B), total=3),
            ev.RunStarted(t=NOW, run=1, tests=(A, B), reason="cart.py changed"),
            finished(A),
        )
        await until(
            pilot, lambda: shows(app, "cart.py saved  →  2 of 3 tests affected") and shows(app, "1/2")
        )
        feed.tell(
            finished(B),
            ev.RunFinished(t=NOW, run=1, counts={"passed": 2}, duration_ms=31),
            ev.Settled(t=NOW, ms=184),
            READY,
        )
        await until(
            pilot, lambda: shows(app, "184 ms from save to result") and shows(app, "2 passed, in 31 ms")
        )

    play(app, scene)


def test_the_time_since_the_save_is_read_on_a_narrow_screen(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        feed.tell(
            ev.Change(t=NOW, paths=("shop/pricing.py",), t_saved=NOW),
            ev.Affected(t=NOW, tests=(A, B), total=93),
            ev.RunStarted(t=NOW, run=1, tests=(A, B), reason="pricing.py changed"),
            ev.RunFinished(t=NOW, run=1, counts={"passed": 20, "xfailed": 1}, duration_ms=1734),
            ev.Settled(t=NOW, ms=1891),
            READY,
        )
        await until(pilot, lambda: shows(app, "pricing.py → 2 of 93 → 1.9 s"))
        assert shows(app, "20 passed, 1 xfailed")

    play(app, scene, (56, 20))


def test_paused_and_resumed(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "● watching"))
        feed.tell(ev.Paused(t=NOW, on=True))
        await until(pilot, lambda: shows(app, "paused") and shows(app, "w Watch"))
        await pilot.press("w")
        await until(pilot, lambda: ev.Pause(on=False) in feed.sent)

    play(app, scene)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_leaving_closes_the_feed(play: PlayFixture, key: str) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press(key)

    play(app, scene)
    assert feed.was_closed
    assert app.return_code == 0


def test_the_palette_offers_the_registry(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("ctrl+p", *"run all")
        await until(pilot, lambda: shows(app, "Run every test."))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: ev.RunTests(tests=None) in feed.sent)

    play(app, scene)


def test_a_test_is_opened_and_left_by_keyboard(play: PlayFixture) -> None:
    app = make_app(feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("n", "enter")
        assert app.main.side.trace.view.has_focus
        await pilot.press("2", "tab")
        assert app.main.tests.has_focus
        await pilot.press("tab")
        assert app.main.side.failure.has_focus

    play(app, scene)


def test_ten_thousand_events_arrive_while_keys_are_answered(play: PlayFixture) -> None:
    states = [state(f"m/test_{at % 100}.py::test_{at}") for at in range(5_000)]
    app = make_app(feed := feed_of(*states))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_0.py"))
        feed.tell(ev.RunStarted(t=NOW, run=1, tests=tuple(each.info.test for each in states), reason="asked"))
        for each in states:
            feed.tell(ev.TestStarted(t=NOW, run=1, test=each.info.test), finished(each.info.test))
        await pilot.press("j", "j", "l")
        assert app.main.tests.cursor == 2
        await until(pilot, lambda: shows(app, "5,000/5,000"))

    play(app, scene)
