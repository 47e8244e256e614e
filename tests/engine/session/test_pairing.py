from __future__ import annotations

from enctest.session.job import KnownTest
from enctest.session.pairing import pair


def known(**runs: bool) -> list[KnownTest]:
    return [KnownTest(f"f.py::{name}", run) for name, run in runs.items()]


def test_known_tests_run_as_told() -> None:
    run, renamed = pair(["f.py::a", "f.py::b"], known(a=True, b=False))
    assert run == {"f.py::a"}
    assert renamed == {}


def test_a_new_test_runs() -> None:
    run, _ = pair(["f.py::a", "f.py::new"], known(a=False))
    assert run == {"f.py::new"}


def test_ids_that_change_at_every_collection_are_the_same_tests() -> None:
    before = [KnownTest("f.py::t[10:01]", False), KnownTest("f.py::t[10:01-b]", True)]
    run, renamed = pair(["f.py::t[10:02]", "f.py::t[10:02-b]"], before)
    assert renamed == {"f.py::t[10:02]": "f.py::t[10:01]", "f.py::t[10:02-b]": "f.py::t[10:01-b]"}
    assert run == {"f.py::t[10:02-b]"}


def test_another_number_of_parameters_is_new() -> None:
    run, renamed = pair(["f.py::t[3]", "f.py::t[4]"], [KnownTest("f.py::t[1]", False)])
    assert renamed == {}
    assert run == {"f.py::t[3]", "f.py::t[4]"}


def test_a_renamed_function_is_new() -> None:
    run, renamed = pair(["f.py::y"], known(x=False))
    assert renamed == {}
    assert run == {"f.py::y"}
