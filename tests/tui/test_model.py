"""What events make of the state of the screen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import pytest
from tests.tui.stage import Clock, attached, ended, finished, info, started, state
from tests.tui.test_testtree import Calls

from enctest import events as ev
from enctest_tui.model import Changes, Model
from enctest_tui.node import OUTDATED, RUNNING, TOTAL

A, B = "a.py::test_a", "a.py::test_b"


@pytest.fixture
def model() -> Model:
    made = Model(Clock())
    made.fold([attached(state(A), state(B, None))])
    return made


def test_every_event_of_an_explorer_is_understood() -> None:
    folded = Model(Clock())._fold
    assert set(folded) == set(get_args(ev.ExplorerEvent))


def test_attaching_again_replaces_everything_but_what_is_open(model: Model) -> None:
    model.tests.root.children["a.py"].expanded = False
    model.fold([attached(state(A, "failed"), state("b.py::test_c"))])
    assert set(model.tests.tests) == {A, "b.py::test_c"}
    assert model.tests.root.children["a.py"].expanded is False
    assert model.tests.tests[A].outcome == "failed"


def test_a_save_and_what_came_of_it(model: Model) -> None:
    model.fold(
        [
            ev.Change(paths=("shop.py",), t_saved=1.0),
            ev.Affected(tests=(A,), total=2, reasons={A: "it changed"}),
        ]
    )
    assert model.tests.root.counts[OUTDATED] == 1
    assert (model.status.changed, model.status.affected) == (("shop.py",), 1)
    model.fold([ev.RunStarted(run=1, tests=(A,), reason="shop.py changed"), ev.TestStarted(run=1, test=A)])
    assert model.tests.root.counts[RUNNING] == 1
    model.fold(
        [finished(A, "failed", message="no"), ev.RunFinished(run=1, counts={"failed": 1}, duration_ms=9)]
    )
    assert model.tests.root.counts[OUTDATED] == model.tests.root.counts[RUNNING] == 0
    assert model.tests.tests[A].message == "no"
    model.fold([ev.Settled(ms=123.0), ev.Ready()])
    assert (model.status.settled_ms, model.status.is_ready, model.status.phase) == (123.0, True, "idle")


def test_a_file_that_could_not_be_collected_is_no_affected_test(model: Model) -> None:
    model.fold([ev.Change(paths=("shop.py",), t_saved=1.0), ev.Affected(tests=(A, "b.py"), total=2)])
    assert (model.status.affected, model.status.affected_of) == (1, 2)


def test_a_worker_that_dies_leaves_nothing_running(model: Model) -> None:
    model.fold([ev.RunStarted(run=1, tests=(A,), reason=""), ev.TestStarted(run=1, test=A)])
    model.fold([ev.RunFinished(run=1, counts={}, duration_ms=1, stopped="stopped")])
    assert model.tests.root.counts[RUNNING] == 0
    assert model.status.run is not None
    assert model.status.run.stopped == "stopped"


def test_an_error_stays_until_the_next_save(model: Model) -> None:
    assert Changes.TROUBLE in model.fold([ev.Error(message="a.py:3: invalid syntax", hint="Mend it.")])
    model.fold([ev.Ready()])
    assert model.trouble is not None
    model.fold([ev.Change(paths=("a.py",), t_saved=2.0)])
    assert model.trouble is None


def test_details_of_a_test_no_longer_followed_are_left_out(model: Model) -> None:
    model.follow(A)
    assert not model.fold([ev.Details(test=B, run=1, failure="wrong")])
    assert not model.details.failure


def test_the_followed_test_is_kept_up_to_date(model: Model) -> None:
    model.follow(A)
    model.fold([ev.Details(test=A, run=0, outcome="passed")])
    assert model.details.known
    model.fold([ev.RunStarted(run=1, tests=(A,), reason=""), ev.TestStarted(run=1, test=A)])
    assert model.details.running
    changes = model.fold([started(1, None, A, "test"), started(2, 1, "call", "phase"), ended(2, 4)])
    assert Changes.TRACE in changes
    assert len(model.trace.spans) == 2
    assert model.trace.is_live
    model.fold([finished(A, "failed", failure="E assert", path="a.py", line=7)])
    assert (model.details.failure, model.details.line, model.details.running) == ("E assert", 7, False)
    assert not model.trace.is_live


def test_spans_of_other_tests_are_left_out(model: Model) -> None:
    model.follow(A)
    model.fold([ev.TestStarted(run=1, test=A)])
    assert not model.fold([started(1, None, B, "test", test=B)])
    assert not model.trace.spans


def test_a_renamed_test_stays_followed(model: Model) -> None:
    model.follow(A)
    model.fold([ev.TestRenamed(old=A, new="a.py::test_a2")])
    assert model.details.test == "a.py::test_a2"


def test_a_collection_of_a_few_files_takes_nothing_away(model: Model) -> None:
    model.fold([ev.Collected(tests=(A, "b.py::test_c"))])
    assert set(model.tests.tests) == {A, B}


def _stream(tests: list[str]) -> Iterable[ev.ExplorerEvent]:
    for test in tests:
        yield ev.TestStarted(run=1, test=test)
        yield finished(test)


def test_a_run_of_fifty_thousand_costs_a_bounded_number_of_steps_per_event() -> None:
    model = Model(Clock())
    ids = [f"tests/test_{at // 50}.py::test_{at}" for at in range(50_000)]
    for path in dict.fromkeys(test.partition("::")[0] for test in ids):
        those = ids[int(path[11:-3]) * 50 :][:50]
        model.fold(
            [ev.FileCollected(run=1, path=path, tests=tuple(info(test, at) for at, test in enumerate(those)))]
        )
    assert model.tests.root.counts[TOTAL] == 50_000
    events = list(_stream(ids))
    with Calls() as calls:
        model.fold(events)
    assert calls.count < 12 * len(events)


def test_ten_thousand_spans_cost_a_bounded_number_of_steps_each(model: Model) -> None:
    model.follow(A)
    model.fold([ev.TestStarted(run=1, test=A), started(1, None, A, "test")])
    spans = [
        event
        for at in range(2, 10_002)
        for event in (started(at, at - 1 if at % 50 else 1, "s"), ended(at, at))
    ]
    with Calls() as calls:
        model.fold(spans)
    assert calls.count < 60 * len(spans)
