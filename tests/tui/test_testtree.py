"""The tree of tests and its counts."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

import pytest
from tests.tui.stage import info, state

from enctest import events as ev
from enctest_tui.node import BAD, NONE, OUTDATED, RUNNING, TOTAL, Node, ordered, state_places
from enctest_tui.outcomes import OUTCOMES
from enctest_tui.testtree import TestTree


def collected(*tests: str) -> TestTree:
    tree = TestTree()
    files: dict[str, list[ev.TestInfo]] = {}
    for line, test in enumerate(tests, 1):
        files.setdefault(test.partition("::")[0], []).append(info(test, line))
    for path, infos in files.items():
        tree.collect(path, infos)
    return tree


def finish(tree: TestTree, test: str, outcome: ev.Outcome = "passed") -> None:
    tree.set(test, outcome=outcome, duration_ms=1, message="", outdated=False, running=False)


def outline(group: Node, depth: int = 0) -> list[str]:
    lines = []
    for child in ordered(group):
        lines.append("  " * depth + child.name)
        lines += outline(child, depth + 1)
    return lines


def groups(group: Node) -> Iterator[Node]:
    yield group
    for child in group.children.values():
        if not child.is_test:
            yield from groups(child)


def check_counts(tree: TestTree) -> None:
    """Every group must say what counting its tests says."""
    for group in groups(tree.root):
        tests = list(group.tests())
        wanted = [0] * len(group.counts)
        for test in tests:
            for place in (TOTAL, *state_places(test)):
                wanted[place] += 1
        assert group.counts == wanted, group.id


def test_ids_become_folders_files_classes_functions_and_parameters() -> None:
    tree = collected(
        "tests/unit/test_b.py::test_plain",
        "tests/unit/test_b.py::TestIt::test_in[a::b/c-1]",
        "tests/unit/test_b.py::TestIt::test_in[[x]]",
        "tests/test_a.py::Outer::Inner::test_deep",
        "top.py::test_top",
    )
    assert outline(tree.root) == [
        "tests", "  unit", "    test_b.py", "      test_plain", "      TestIt", "        test_in",
        "          [a::b/c-1]", "          [[x]]", "  test_a.py", "    Outer", "      Inner",
        "        test_deep", "top.py", "  test_top",
    ]  # fmt: skip
    assert tree.tests["tests/unit/test_b.py::TestIt::test_in[[x]]"].id.endswith("[[x]]")


def test_counts_follow_every_event() -> None:
    rng = random.Random(7)  # noqa: S311 - a fixed order of events, no secret
    ids = [f"d{at % 3}/f{at % 7}.py::T{at % 2}::test_{at % 5}[{at}]" for at in range(120)]
    tree = collected(*ids)
    for _ in range(200):
        test = rng.choice(ids)
        match rng.randrange(8):
            case 0:
                tree.start(test, 1)
            case 1:
                tree.outdate([test])
            case 2:
                tree.stop(1)
            case 3:
                tree.remove(rng.sample(ids, 3))
            case 4:
                finish(tree, rng.choice(["d1", "d0/f3.py", "e"]), "error")
            case 5:
                path = test.partition("::")[0]
                tree.collect(path, [info(each) for each in ids if each.startswith(path)])
            case _:
                finish(tree, test, rng.choice(OUTCOMES))
        check_counts(tree)
    tree.remove(list(tree.tests))
    assert not tree.root.children
    assert not tree.tests
    assert tree.root.counts[TOTAL] == 0


def test_a_file_collected_again_keeps_what_is_known_of_its_tests() -> None:
    tree = collected("a.py::test_old", "a.py::test_gone")
    finish(tree, "a.py::test_old", "failed")
    tree.collect("a.py", [info("a.py::test_new", 1), info("a.py::test_old", 9)])
    assert outline(tree.root) == ["a.py", "  test_new", "  test_old"]
    assert tree.tests["a.py::test_old"].outcome == "failed"
    assert tree.tests["a.py::test_old"].line == 9
    assert tree.root.counts[BAD] == 1
    assert tree.root.counts[NONE] == 1
    check_counts(tree)


def test_an_incomplete_list_removes_nothing() -> None:
    tree = collected("a.py::test_one", "a.py::test_two")
    tree.collect("a.py", [info("a.py::test_three", 3)], complete=False)
    assert set(tree.tests) == {"a.py::test_one", "a.py::test_two", "a.py::test_three"}
    check_counts(tree)


def test_the_same_collection_again_changes_no_rows() -> None:
    tree = collected("a.py::test_one", "a.py::test_two[1]", "a.py::test_two[2]")
    before = tree.structure
    shuffled = [info("a.py::test_two[2]", 2), info("a.py::test_one", 1), info("a.py::test_two[1]", 2)]
    tree.collect(
        "a.py", [info("a.py::test_one", 1), info("a.py::test_two[1]", 2), info("a.py::test_two[2]", 3)]
    )
    assert tree.structure == before
    tree.collect("a.py", shuffled)
    assert [test.id for test in tree.root.tests()] == [
        "a.py::test_one",
        "a.py::test_two[1]",
        "a.py::test_two[2]",
    ]


def test_a_file_that_fails_to_collect_has_a_row_until_it_is_mended() -> None:
    tree = collected("a.py::test_one", "b.py::test_two")
    finish(tree, "a.py", "error")
    assert tree.tests["a.py"].name == "could not be collected"
    assert "a.py::test_one" in tree.tests
    assert tree.root.counts[BAD] == 1
    tree.collect("a.py", [info("a.py::test_one")])
    assert "a.py" not in tree.tests
    assert tree.root.counts[BAD] == 0
    check_counts(tree)


@pytest.mark.parametrize("folder", ["tests/api", "tests", "elsewhere", ""])
def test_a_folder_that_fails_to_collect_keeps_its_files(folder: str) -> None:
    tree = collected("tests/api/test_a.py::test_one", "tests/test_b.py::test_two")
    finish(tree, folder, "error")
    assert set(tree.tests) == {folder, "tests/api/test_a.py::test_one", "tests/test_b.py::test_two"}
    assert outline(tree.root).count(f"{'  ' * folder.count('/')}{'  ' if folder else ''}this folder") == 1
    check_counts(tree)
    tree.collect(f"{folder}/test_new.py".lstrip("/"), [info(f"{folder}/test_new.py::test_n".lstrip("/"))])
    assert folder not in tree.tests
    check_counts(tree)


def test_a_renamed_test_keeps_row_and_outcome() -> None:
    tree = collected("a.py::test_x[12:00]", "a.py::test_x[other]")
    finish(tree, "a.py::test_x[12:00]", "failed")
    row = tree.tests["a.py::test_x[12:00]"]
    tree.rename("a.py::test_x[12:00]", "a.py::test_x[12:01]")
    assert tree.tests["a.py::test_x[12:01]"] is row
    assert outline(tree.root) == ["a.py", "  test_x", "    [12:01]", "    [other]"]
    before = tree.structure
    tree.collect("a.py", [info("a.py::test_x[12:01]", 1), info("a.py::test_x[other]", 2)])
    assert tree.structure == before
    check_counts(tree)


def test_two_tests_with_one_id_are_one_row() -> None:
    tree = TestTree()
    tree.collect("a.py", [info("a.py::test_x", 1), info("a.py::test_x", 9)])
    assert tree.root.counts[TOTAL] == 1
    check_counts(tree)


def test_a_function_and_a_class_of_one_name_do_not_swallow_each_other() -> None:
    tree = collected("a.py::thing", "a.py::thing::test_in", "a.py::thing[1]")
    assert {test.id for test in tree.root.tests()} == {
        "a.py::thing",
        "a.py::thing::test_in",
        "a.py::thing[1]",
    }
    check_counts(tree)


def test_stopping_a_run_leaves_the_tests_of_another_running() -> None:
    tree = collected("a.py::test_one", "a.py::test_two")
    tree.start("a.py::test_one", 1)
    tree.start("a.py::test_two", 2)
    tree.stop(1)
    assert [test.id for test in tree.running] == ["a.py::test_two"]
    assert tree.root.counts[RUNNING] == 1


def test_a_stored_state_is_taken_over() -> None:
    tree = TestTree()
    tree.load([state("a.py::test_one", "failed", outdated=True), state("a.py::test_two", None)], {})
    assert tree.tests["a.py::test_one"].outdated
    assert tree.root.counts[OUTDATED] == 1
    assert tree.root.counts[NONE] == 1
    check_counts(tree)


class Calls:
    """Counts calls of Python functions: what a step costs, on any machine."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, _frame: FrameType, event: str, _arg: Any) -> None:
        self.count += event == "call"


@pytest.fixture(scope="module")
def large() -> TestTree:
    ids = [f"tests/d{at // 5000}/test_{at // 50}.py::TestIt::test_{at}" for at in range(50_000)]
    return collected(*ids)


def test_fifty_thousand_outcomes_cost_a_bounded_number_of_steps_each(large: TestTree) -> None:
    with Calls() as calls:
        for test in large.tests:
            finish(large, test)
    assert calls.count < 12 * len(large.tests)


def test_one_file_of_a_thousand_is_collected_again_without_touching_the_others(large: TestTree) -> None:
    infos = [info(f"tests/d0/test_7.py::TestIt::test_{at}", at) for at in range(350, 402)]
    with Calls() as calls:
        large.collect("tests/d0/test_7.py", infos)
    assert calls.count < 60 * len(infos)
