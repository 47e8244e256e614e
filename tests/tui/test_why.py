"""What is said of a test: why it ran, why not, and what is doubtful about its outcome."""

from __future__ import annotations

from typing import Any

import pytest
from tests.tui.stage import Clock, attached, finished, state

from enctest import events as ev
from enctest_tui.model import Model
from enctest_tui.why import caveats, reasons, result

A, B = "a.py::test_a", "a.py::test_b"
CHAIN = "module level of `shop/money.py` changed, imported by a.py via shop/cart.py"
SAVED = ev.Change(paths=("shop/money.py",), t_saved=1.0)


def followed(outcome: ev.Outcome | None = "passed", **details: Any) -> Model:
    """Return a model that follows test A and knows its details."""
    model = Model(Clock())
    model.fold([attached(state(A, outcome), state(B))])
    model.follow(A)
    model.fold([ev.Details(test=A, outcome=outcome, **{"run": 7, **details})])
    return model


def said(model: Model) -> list[str]:
    node = model.tests.tests[A]
    return [text for _, _, text in reasons(node, model.details, model.status, model.hunts.get(A))]


def test_a_fresh_test_says_since_when_nothing_it_needs_has_changed() -> None:
    assert said(followed()) == ["nothing it needs has changed since run 7"]
    assert said(followed(run=0, why=CHAIN)) == [
        f"nothing it needs has changed since it ran; reached before: {CHAIN}"
    ]


def test_a_test_that_the_last_save_did_not_reach_says_so() -> None:
    model = followed()
    model.fold([SAVED, ev.Affected(tests=(B,), total=2, reasons={B: CHAIN})])
    assert said(model) == ["not selected by `money.py`: nothing it needs has changed since run 7"]


def test_a_reached_test_says_why_before_while_and_after_it_runs() -> None:
    model = followed()
    model.fold([SAVED, ev.Affected(tests=(A,), total=2, reasons={A: CHAIN})])
    assert said(model) == [f"outdated: {CHAIN}"]
    model.fold([ev.RunStarted(run=8, tests=(A,), reason=""), ev.TestStarted(run=8, test=A)])
    assert said(model) == [f"runs: {CHAIN}"]
    model.fold([finished(A, run=8)])
    assert said(model) == [f"ran: {CHAIN}"]


def test_a_failing_test_runs_with_every_change() -> None:
    assert said(followed("failed")) == ["fails: it runs with every change until it passes"]


def test_a_test_that_never_ran_says_so() -> None:
    assert said(followed(None)) == ["has not run yet"]


def test_warm_and_fresh_are_both_said() -> None:
    model = followed()
    model.fold([finished(A, "passed", warm="failed")])
    assert said(model)[0] == "failed in the warm session, passed in a fresh process"
    model.fold([finished(A, "passed", run=2)])
    assert len(said(model)) == 1


def test_a_miss_is_said_until_a_change_is_known_to_reach_the_test() -> None:
    model = followed()
    miss = ev.Miss(test=A, before="passed", after="failed", message="read by C code")
    model.fold([ev.Audited(sampled=9, recall=0.9, rate=0.1, misses=(miss,))])
    model.fold([finished(A, "failed")])
    assert said(model)[0] == "selection missed it: passed before, failed in an audit: read by C code"
    model.fold([SAVED, ev.Affected(tests=(A,), total=2)])
    assert not said(model)[0].startswith("selection missed")


def hunted(state_: Any, **more: Any) -> ev.Hunted:
    return ev.Hunted(test=A, state=state_, **more)


def test_a_hunt_is_told_from_the_first_try_to_the_end() -> None:
    model = followed("failed")
    model.fold([hunted("hunting", tries=1, left=12)])
    assert said(model)[0] == "hunting for the test it fails after: 1 try, 12 suspects left"
    model.fold([hunted("found", polluters=(B,), tries=5)])
    assert said(model)[0] == f"fails after `{B}`; passes alone"
    model.fold([finished(A)])
    assert not model.hunts


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (hunted("found", polluters=(A, B)), f"fails after `{A}` and `{B}` together; passes alone"),
        (hunted("nothing", message="it fails alone too"), "it fails alone too"),
        (hunted("stopped"), "the hunt was stopped"),
    ],
)
def test_the_ends_of_a_hunt(end: ev.Hunted, words: str) -> None:
    assert result(end) == words


def test_a_failure_is_read_with_what_is_doubtful_about_it() -> None:
    model = followed("failed")
    model.fold([finished(A, "failed", warm="passed"), SAVED, ev.Affected(tests=(A,), total=2)])
    found = [text for _, _, text in caveats(model.tests.tests[A], hunted("found", polluters=(B,)))]
    assert found == [
        "a change has reached this test since; it has not run again yet",
        "passed in the warm session, failed in a fresh process",
        "Enter goes to test_b, after which it fails",
    ]
