"""Fresh, outdated, running, never seen: nothing looks green that may not be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from rich.segment import Segment
from tests.tui.looking import shows, until
from tests.tui.stage import NOW, Clock, FakeFeed, attached, finished, make_app, state
from tests.tui.test_rows import rows_of
from textual.pilot import Pilot

from enctest import events as ev
from enctest_tui.model import Model
from enctest_tui.node import BAD, NONE, OUTDATED, TOTAL, Node
from enctest_tui.outcomes import OUTCOMES
from enctest_tui.rows import is_old
from enctest_tui.widgets.signs import mark, shape

A, B, C = "a.py::test_a", "a.py::test_b", "b.py::test_c"
PASSED = OUTCOMES.index("passed")
PlayFixture = Callable[..., None]


@pytest.fixture
def model() -> Model:
    made = Model(Clock())
    made.fold([attached(state(A), state(B, "failed"), state(C))])
    return made


def affected(*tests: str) -> ev.Affected:
    return ev.Affected(tests=tests, total=3)


def test_the_counts_of_a_group_part_its_tests(model: Model) -> None:
    model.fold([affected(A, B)])
    counts = model.tests.root.counts
    assert (counts[PASSED], counts[OUTDATED], counts[BAD], counts[TOTAL]) == (1, 2, 1, 3)
    assert sum(counts[:TOTAL]) + counts[OUTDATED] == counts[TOTAL]


def test_an_outdated_test_loses_its_colour_and_gets_a_mark(model: Model) -> None:
    test = model.tests.tests[A]
    assert (mark(test)[0], shape(test, 0)) == (" ", ("✓", "good"))
    model.fold([affected(A, B)])
    assert (mark(test)[0], shape(test, 0)) == ("○", ("✓", "faint"))
    assert shape(model.tests.tests[B], 0) == ("✗", "bad-old")
    assert shape(model.tests.root.children["a.py"], 0) == ("✗", "bad-old")
    assert shape(model.tests.root.children["b.py"], 0) == ("✓", "good")


@pytest.mark.parametrize("missing", ["outdated", "new"])
def test_a_group_is_green_only_when_all_below_is_fresh(missing: str) -> None:
    model = Model(Clock())
    model.fold([attached(state(A), state(B, None if missing == "new" else "passed"))])
    if missing == "outdated":
        model.fold([affected(B)])
    assert shape(model.tests.root.children["a.py"], 0) == ("✓", "faint")
    model.fold([finished(B)])
    assert shape(model.tests.root.children["a.py"], 0) == ("✓", "good")


def test_a_fresh_failure_holds_for_its_groups_whatever_else_is_outdated(model: Model) -> None:
    model.fold([affected(A)])
    assert not is_old(model.tests.root.children["a.py"])


def test_a_test_that_never_ran_is_new_not_outdated() -> None:
    model = Model(Clock())
    model.fold([attached(state(A, None, outdated=True))])
    assert model.tests.tests[A].standing == "new"
    assert (model.tests.root.counts[NONE], model.tests.root.counts[OUTDATED]) == (1, 0)


def begins(run: int) -> list[ev.ExplorerEvent]:
    return [ev.Phase(phase="collecting", run=run), ev.RunStarted(run=run, tests=(A, C), reason="")]


def test_a_result_of_before_the_change_leaves_a_test_outdated(model: Model) -> None:
    model.fold([*begins(1), ev.TestStarted(run=1, test=A), affected(A), finished(A)])
    assert model.tests.tests[A].standing == "outdated"
    model.fold([*begins(2), finished(A, run=2)])
    assert model.tests.tests[A].standing == "fresh"


def test_a_change_between_collection_and_first_test_counts_as_later(model: Model) -> None:
    model.fold([begins(1)[0], affected(A), begins(1)[1], finished(A)])
    assert model.tests.tests[A].standing == "outdated"


def test_what_a_fresh_process_contradicts_is_marked(model: Model) -> None:
    model.fold([finished(A, "passed", warm="failed")])
    assert mark(model.tests.tests[A])[0] == "≠"
    model.fold([finished(A)])
    assert mark(model.tests.tests[A])[0] == " "


def test_a_file_collected_again_keeps_marks(model: Model) -> None:
    miss = ev.Miss(test=A, before="passed", after="failed")
    model.fold([affected(B), ev.Audited(sampled=1, recall=0.5, rate=0.5, misses=(miss,))])
    infos = tuple(ev.TestInfo(test=test, path="a.py", line=at) for at, test in enumerate((B, A), 5))
    model.fold([ev.FileCollected(run=1, path="a.py", tests=infos)])
    assert [mark(model.tests.tests[test])[0] for test in (A, B)] == ["?", "○"]


def test_a_miss_that_is_not_read_outlives_the_explorer_and_a_new_name(model: Model) -> None:
    miss = ev.Miss(test=A, before="passed", after="failed")
    model.fold([ev.Audited(sampled=1, recall=0.5, rate=0.5, misses=(miss,)), attached(state(A), state(B))])
    assert mark(model.tests.tests[A])[0] == "?"
    model.fold([ev.TestRenamed(old=A, new="a.py::test_new")])
    assert [*model.misses] == [model.misses["a.py::test_new"].test] == ["a.py::test_new"]


@pytest.mark.parametrize(("text", "tests"), [("is:outdated", [A]), ("is:fresh", [B, C]), ("is:failed", [B])])
def test_the_filter_knows_standings(model: Model, text: str, tests: list[str]) -> None:
    model.fold([affected(A)])
    rows = rows_of(model.tests)
    rows.set_filter(text)
    assert [node.id for node in rows.nodes if node.is_test] == tests


def ink_of(line: list[Segment], words: str) -> str:
    """Return the colour of the segment that begins with these words."""
    style = next(segment.style for segment in line if segment.text.startswith(words))
    return str(style.color) if style is not None else ""


@pytest.mark.parametrize("theme", ["textual-dark", "enctest-light"])
def test_an_outdated_test_is_told_apart_in_every_place(play: PlayFixture, theme: str) -> None:
    feed = FakeFeed(attached(state(A), state(B, "failed"), state(C)), ev.Ready(t=NOW))
    feed.details = {
        B: ev.Details(test=B, run=1, outcome="failed", failure="E   assert 0", spans=()),
    }
    app = make_app(feed)

    async def scene(pilot: Pilot[None]) -> None:
        app.theme = theme
        await until(pilot, lambda: shows(app, "✓ 2  ✗ 1"))
        tests = app.main.tests
        green = ink_of(tests.draw(1, 60), "✓")
        await pilot.press("n", "2")
        await until(pilot, lambda: shows(app, "✗ failed") and shows(app, "E   assert 0"))
        feed.tell(ev.Paused(t=NOW, on=True), affected(A, B))
        await until(pilot, lambda: shows(app, "✓ 1  ○ 2") and shows(app, "○ outdated  ✗ failed before"))
        await until(pilot, lambda: shows(app, "it has not run again yet"))
        assert ink_of(tests.draw(1, 60), "✓") != green
        assert any("○ 2" in segment.text for segment in tests.draw(0, 60))
        await pilot.press("1")
        await until(pilot, lambda: shows(app, "○ outdated: a change has reached it since it ran"))

    play(app, scene)


def is_bad(test: Node) -> bool:
    return test.bad


def test_rows_that_take_long_are_computed_in_turn_with_events_and_never_left_stale(play: PlayFixture) -> None:
    tests = [f"m/test_{at % 9}.py::test_{at}" for at in range(60)]
    app = make_app(feed := FakeFeed(attached(*(state(test) for test in tests)), ev.Ready(t=NOW)))

    async def scene(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: shows(app, "✓ 60"))
        tree = app.main.tests
        await pilot.press("slash", *"is:failed", "enter")
        await until(pilot, lambda: shows(app, "0 of 60") and shows(app, "no test matches"))
        for test in tests[:20]:
            tree.rows.cost = 0.05  # as with tens of thousands of tests
            feed.tell(finished(test, "failed"))
            await until(pilot, partial(is_bad, app.model.tests.tests[test]))
        await until(pilot, lambda: shows(app, "20 of 60") and tree.line_count == 20 + 10)

    play(app, scene)
