"""Hunts, audits, contradictions, crashes and parallel runs, as the screen tells of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.tui.looking import shows, told, until
from tests.tui.stage import NOW, START, FakeFeed, attached, finished, make_app, state
from textual.pilot import Pilot

from enctest import events as ev
from enctest.tracing.model import OPEN
from enctest_tui.widgets.status import audit_line

A, B, C = "a.py::test_a", "a.py::TestIt::test_b[red]", "d/c.py::test_c"
READY = ev.Ready(t=NOW)
PlayFixture = Callable[..., None]


def feed_of(*details: ev.Details) -> FakeFeed:
    feed = FakeFeed(attached(state(A), state(B, "failed", 2), state(C)), READY)
    feed.details = {each.test: each for each in details}
    return feed


def failing() -> ev.Details:
    return ev.Details(test=B, run=1, outcome="failed", failure="E   assert 0")


@pytest.mark.parametrize("way", ["P", "enter"])
def test_a_hunt_is_followed_to_the_polluter(play: PlayFixture, way: str) -> None:
    app = make_app(feed := feed_of(failing()))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("n", "H")
        await until(pilot, lambda: ev.Hunt(test=B) in feed.sent)
        feed.tell(ev.Hunted(t=NOW, test=B, state="hunting", tries=2, left=6))
        await until(pilot, lambda: shows(app, "2 tries, 6 suspects left") and shows(app, "x Stop"))
        feed.tell(ev.Hunted(t=NOW, test=B, state="found", tries=5, polluters=(C,)))
        await until(
            pilot, lambda: shows(app, f"◎ fails after {C}; passes alone") and not shows(app, "x Stop")
        )
        await pilot.press(*(["P"] if way == "P" else ["2", "tab"]))
        if way == "enter":
            await until(pilot, lambda: shows(app, "E   assert 0") and shows(app, "Enter goes to test_c"))
            await pilot.press("enter")
        await until(pilot, lambda: app.main.tests.selected is app.model.tests.tests[C])
        assert app.main.tests.has_focus

    play(app, scene)


def test_how_a_hunt_ended_makes_room_for_the_next_run(play: PlayFixture) -> None:
    app = make_app(feed := feed_of(failing()))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("n")
        alone = "it fails alone as well: no other test is to blame"
        feed.tell(ev.Hunted(t=NOW, test=B, state="nothing", tries=1, message=alone))
        await until(pilot, lambda: shows(app, "◎ test_b[red]: it fails alone"))
        feed.tell(ev.RunStarted(t=NOW, run=2, tests=(A, B), reason="asked"))
        await until(pilot, lambda: not shows(app, "◎ test_b[red]"))
        assert shows(app, "◎ it fails alone as well")

    play(app, scene)


def test_a_hunt_is_stopped_like_a_run(play: PlayFixture) -> None:
    app = make_app(feed := feed_of(failing()))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        feed.tell(ev.Hunted(t=NOW, test=B, state="hunting", tries=1, left=3))
        await until(pilot, lambda: shows(app, "x Stop"))
        await pilot.press("x")
        await until(pilot, lambda: ev.Stop() in feed.sent)
        feed.tell(ev.Hunted(t=NOW, test=B, state="stopped", tries=1))
        await until(pilot, lambda: shows(app, "the hunt was stopped") and not shows(app, "x Stop"))
        feed.tell(ev.Change(t=NOW, paths=("cart.py",), t_saved=NOW))
        await until(pilot, lambda: shows(app, "cart.py saved"))

    play(app, scene)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("g", "H"), "select a failing test to hunt for its polluter"),
        (("g", "j", "j", "H"), "it does not fail: there is nothing to hunt for"),
        (("n", "P"), "no polluter is known; H hunts for one"),
        (("m",), "no audit has found a miss"),
    ],
)
def test_keys_that_have_nothing_to_do_say_so(play: PlayFixture, keys: tuple[str, ...], words: str) -> None:
    app = make_app(feed := feed_of(failing()))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("E", *keys)
        await until(pilot, lambda: words in told(app))
        assert not feed.commands(ev.Hunt)

    play(app, scene)


def audited(*misses: ev.Miss, recall: float = 1.0) -> ev.Audited:
    return ev.Audited(t=NOW, sampled=312, recall=recall, rate=0.04, misses=misses)


@pytest.mark.parametrize(
    ("recall", "words"), [(1.0, "100 %"), (0.9999, "99.9 %"), (0.5, "50 %"), (0.987, "98.7 %")]
)
def test_what_was_missed_is_never_rounded_away(recall: float, words: str) -> None:
    line = audit_line(audited(recall=recall))
    assert line == f"audit: recall {words}, 312 sampled, 4 % of the suite per change"


def test_before_the_first_change_an_audit_says_no_share() -> None:
    assert audit_line(ev.Audited(sampled=4, recall=1.0, rate=None)) == "audit: recall 100 %, 4 sampled"


def test_audits_are_a_quiet_line_below_and_in_the_help(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())
    words = "audit: recall 100 %, 312 sampled, 4 % of the suite per change"

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        feed.tell(audited())
        await until(pilot, lambda: shows(app, words))
        feed.tell(ev.Change(t=NOW, paths=("cart.py",), t_saved=NOW))
        await until(pilot, lambda: not shows(app, words))
        await pilot.press("question_mark")
        await until(pilot, lambda: shows(app, words))

    play(app, scene)


def test_a_miss_stays_until_it_is_read_and_marks_its_test(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())
    misses = (
        ev.Miss(test=C, before="passed", after="failed", message="data.bin is read by C code"),
        ev.Miss(test=A, before="passed", after="skipped"),
    )

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        feed.tell(audited(*misses, recall=0.98), ev.Change(t=NOW, paths=("cart.py",), t_saved=NOW))
        await until(pilot, lambda: shows(app, "An audit found 2 tests that selection had missed"))
        assert shows(app, f"{C}  passed before, failed now")
        await pilot.press("m")
        await until(pilot, lambda: app.main.tests.selected is app.model.tests.tests[C])
        await until(pilot, lambda: shows(app, "? selection missed it: passed before, failed in an audit"))
        assert shows(app, "An audit found 1 test ")
        await pilot.press("escape")
        await until(pilot, lambda: not shows(app, "An audit found") and shows(app, "? ✓ test_c"))

    play(app, scene)


def test_an_error_stands_before_a_miss_which_comes_back(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        feed.tell(audited(ev.Miss(test=C, before="passed", after="failed")))
        feed.tell(ev.Error(t=NOW, message="pyproject.toml is broken"))
        await until(pilot, lambda: shows(app, "pyproject.toml is broken"))
        await pilot.press("escape")
        await until(pilot, lambda: shows(app, "An audit found 1 test"))

    play(app, scene)


def test_warm_and_fresh_are_shown_side_by_side(play: PlayFixture) -> None:
    app = make_app(feed := feed_of())

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        app.main.tests.go_to_test(app.model.tests.tests[C])
        feed.tell(finished(C, "passed", warm="failed"))
        await until(pilot, lambda: shows(app, "≠ ✓ test_c"))
        await until(pilot, lambda: shows(app, "≠ failed in the warm session, passed in a fresh process"))

    play(app, scene)


def open_spans() -> Iterator[ev.Span]:
    for span, name in enumerate(("test_b[red]", "call", "dig a hole"), 1):
        yield ev.Span(
            span=span, parent=span - 1 or None, name=name, kind="internal", start_ns=START + span,
            end_ns=START + 9_000_000, attributes={OPEN: True},
        )  # fmt: skip


def test_a_crash_shows_message_open_spans_and_last_output(play: PlayFixture) -> None:
    crash = ev.Details(
        test=B, run=1, outcome="crashed", message="the worker died: SIGSEGV",
        failure="Fatal Python error\nlast words", spans=tuple(open_spans()),
    )  # fmt: skip
    app = make_app(feed_of(crash))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_c"))
        await pilot.press("n")
        await until(pilot, lambda: shows(app, "† dig a hole") and not shows(app, "live"))
        await pilot.press("2")
        await until(pilot, lambda: shows(app, "† the worker died: SIGSEGV"))
        assert shows(app, "in test_b[red] → call → dig a hole")
        assert shows(app, "last words")

    play(app, scene)


def test_tests_of_several_workers_run_at_once(play: PlayFixture) -> None:
    states = [state(f"m/test_{at:02}.py::test_{at}") for at in range(30)]
    app = make_app(feed := FakeFeed(attached(*states), READY))
    tests = tuple(each.info.test for each in states)

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "test_00.py"))
        await pilot.press("j", "j")
        place = app.main.tests.cursor
        feed.tell(ev.RunStarted(t=NOW, run=1, tests=tests, reason="asked"))
        feed.tell(*(ev.TestStarted(t=NOW, run=1, test=tests[at]) for at in (0, 7, 14)))
        await until(pilot, lambda: shows(app, "0/30 · 3 at once"))
        assert {node.id for node in app.model.tests.running} == {tests[0], tests[7], tests[14]}
        feed.tell(finished(tests[7]), finished(tests[14], "failed"))
        await until(pilot, lambda: shows(app, "2/30") and not shows(app, "at once"))
        assert app.main.tests.cursor == place

    play(app, scene)
