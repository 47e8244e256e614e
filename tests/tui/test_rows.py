"""Visible rows: folding, filtering, and a cursor that stays where it is."""

from __future__ import annotations

import pytest
from tests.tui.stage import info
from tests.tui.test_testtree import Calls, collected, finish

from enctest_tui.rows import Rows, rolled_up
from enctest_tui.testtree import TestTree


def rows_of(tree: TestTree) -> Rows:
    rows = Rows(tree)
    rows.rebuild()
    return rows


def names(rows: Rows) -> list[str]:
    return [node.name for node in rows.nodes]


@pytest.fixture
def tree() -> TestTree:
    return collected(
        "a/test_x.py::test_one[1]",
        "a/test_x.py::test_one[2]",
        "a/test_x.py::test_two",
        "b/test_y.py::TestIt::test_three",
        "b/test_y.py::TestIt::test_four",
    )


def test_small_projects_are_open_but_for_parameters(tree: TestTree) -> None:
    assert names(rows_of(tree)) == [
        "a", "test_x.py", "test_one", "test_two", "b", "test_y.py", "TestIt", "test_three", "test_four",
    ]  # fmt: skip


def test_files_of_large_projects_are_closed() -> None:
    rows = rows_of(collected(*(f"t/test_{at % 3}.py::test_{at}" for at in range(200))))
    assert names(rows) == ["t", "test_0.py", "test_1.py", "test_2.py"]


def test_folding_and_unfolding_one_group_equals_computing_all_rows(tree: TestTree) -> None:
    rows = rows_of(tree)
    for index in (0, 0, 2, 2, 1, 1, 4):
        node = rows.nodes[index]
        rows.fold(index, not rows.is_open(node))
        step_by_step = list(rows.nodes)
        rows.rebuild()
        assert rows.nodes == step_by_step


def test_a_failure_opens_what_hides_it_and_stays_open_when_it_passes(tree: TestTree) -> None:
    rows = rows_of(tree)
    finish(tree, "a/test_x.py::test_one[2]", "failed")
    assert rows.refresh()
    assert names(rows)[2:5] == ["test_one", "[1]", "[2]"]
    finish(tree, "a/test_x.py::test_one[2]")
    rows.refresh()
    assert names(rows)[2:5] == ["test_one", "[1]", "[2]"]


def test_what_the_user_closed_stays_closed_when_something_fails(tree: TestTree) -> None:
    rows = rows_of(tree)
    rows.fold(0, open_=False)
    finish(tree, "a/test_x.py::test_two", "failed")
    rows.refresh()
    assert names(rows)[:2] == ["a", "b"]
    assert rolled_up(rows.nodes[0]) == "failed"


def test_the_cursor_stays_on_its_test_when_rows_appear_above(tree: TestTree) -> None:
    rows = rows_of(tree)
    rows.cursor = names(rows).index("test_three")
    tree.collect("a/test_new.py", [info("a/test_new.py::test_n")])
    rows.refresh()
    assert rows.selected is tree.tests["b/test_y.py::TestIt::test_three"]


def test_the_cursor_stays_on_its_test_when_the_file_is_collected_again(tree: TestTree) -> None:
    rows = rows_of(tree)
    rows.cursor = names(rows).index("test_three")
    names_now = ["test_zero", "test_three", "test_four"]
    tree.collect(
        "b/test_y.py", [info(f"b/test_y.py::TestIt::{name}", at) for at, name in enumerate(names_now)]
    )
    rows.refresh()
    assert rows.selected is tree.tests["b/test_y.py::TestIt::test_three"]


def test_the_cursor_of_a_removed_test_goes_to_its_group(tree: TestTree) -> None:
    rows = rows_of(tree)
    rows.cursor = names(rows).index("test_two")
    tree.remove(["a/test_x.py::test_two"])
    rows.refresh()
    assert rows.selected is not None
    assert rows.selected.name == "test_x.py"


def test_outcomes_alone_compute_no_rows(tree: TestTree) -> None:
    rows = rows_of(tree)
    finish(tree, "a/test_x.py::test_two")
    assert not rows.refresh()


@pytest.mark.parametrize(
    ("text", "tests"),
    [
        ("one", ["[1]", "[2]"]),
        ("TEST_Y four", ["test_four"]),
        ("[1]", ["[1]"]),
        ("is:failed", ["test_two"]),
        ("is:new x.py", ["[1]", "[2]"]),
        ("mark:slow", ["[1]"]),
        ("nothing like it", []),
    ],
)
def test_filters(tree: TestTree, text: str, tests: list[str]) -> None:
    tree.tests["a/test_x.py::test_one[1]"].markers = ("slow",)
    finish(tree, "a/test_x.py::test_two", "failed")
    rows = rows_of(tree)
    rows.set_filter(text)
    assert [node.name for node in rows.nodes if node.is_test] == tests
    assert rows.matches == len(tests)
    rows.set_filter("")
    assert len(rows.nodes) > len(tests)


def test_next_and_previous_failure_go_round(tree: TestTree) -> None:
    for test in ("a/test_x.py::test_one[1]", "b/test_y.py::TestIt::test_four"):
        finish(tree, test, "failed")
    rows = rows_of(tree)
    seen = []
    for step in (1, 1, 1, -1, -1):
        failure = rows.next_bad(step)
        assert failure is not None
        rows.reveal(failure)
        seen.append(failure.name)
    assert seen == ["[1]", "test_four", "[1]", "test_four", "[1]"]


def test_a_filter_leaves_failures_to_go_to(tree: TestTree) -> None:
    for test in ("a/test_x.py::test_one[1]", "a/test_x.py::test_two", "b/test_y.py::TestIt::test_four"):
        finish(tree, test, "failed")
    rows = rows_of(tree)
    rows.set_filter("test_y")
    failure = rows.next_bad(1)
    assert failure is not None
    assert failure.name == "test_four"
    rows.set_filter("test_x")
    seen = []
    for step in (1, 1, 1, -1):
        failure = rows.next_bad(step)
        assert failure is not None
        rows.reveal(failure)
        seen.append(failure.name)
    assert seen == ["[1]", "test_two", "[1]", "test_two"]
    rows.set_filter("test_three")
    assert rows.next_bad(1) is None


def test_without_failures_there_is_no_next(tree: TestTree) -> None:
    assert rows_of(tree).next_bad(1) is None


def test_the_only_failure_is_its_own_neighbour(tree: TestTree) -> None:
    finish(tree, "a/test_x.py::test_two", "crashed")
    rows = rows_of(tree)
    rows.cursor = names(rows).index("test_two")
    assert rows.next_bad(1) is rows.selected


def test_looking_for_failures_leaves_out_groups_without() -> None:
    large = collected(*(f"d/test_{at // 50}.py::test_{at}" for at in range(20_000)))
    finish(large, "d/test_399.py::test_19999", "failed")
    rows = rows_of(large)
    with Calls() as calls:
        assert rows.next_bad(1) is large.tests["d/test_399.py::test_19999"]
    assert calls.count < 5_000


def test_revealing_opens_what_is_closed(tree: TestTree) -> None:
    rows = rows_of(tree)
    rows.fold_all(open_=False)
    assert names(rows) == ["a", "test_x.py", "b", "test_y.py"]
    rows.reveal(tree.tests["a/test_x.py::test_one[2]"])
    assert rows.selected is tree.tests["a/test_x.py::test_one[2]"]
