"""Earlier results, by an explorer's parts without its loop: what is kept, and what comes back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from enctest.dependencies import BlocksDeclared, TestRecorded
from enctest.events import Outcome, TestFinished
from enctest.explorer.book import Book
from enctest.explorer.earlier import Earlier
from enctest.explorer.journal import Journal
from enctest.explorer.selector import Selector
from enctest.paths import Project
from enctest.selection.fingerprint import fingerprint

FILE = "test_a.py"
TEST = f"{FILE}::test_a"


class Parts:
    """Book, journal, selector and earlier results of a project of one test."""

    def __init__(self, root: Path) -> None:
        (root / ".enctest").mkdir(exist_ok=True)
        self.path = root / FILE
        project = Project(root=root, invocation=root, state=root / ".enctest", runtime=root / ".enctest")
        self.journal = Journal(project, [], lambda event: pytest.fail(str(event)))
        self.book = Book()
        self.book.restore(self.journal.history.tests())
        self.selector = Selector(project, self.journal.history, "")
        self.selector.load()
        self.earlier = Earlier(self.book, self.selector, self.journal)
        self.earlier.load()
        self.change = 0
        self.run = self.journal.last_run

    def save(self, number: int) -> list[str]:
        """Save the file; return what is known again."""
        self.earlier.make_keys(1)
        self.path.write_text(f"def test_a():\n    assert {number} >= 0\n")
        effect = self.selector.changed([self.path])
        self.change += 1
        self.earlier.leave(effect.tests, effect)
        outdated = self.book.outdate(effect.tests, self.change)
        found = self.earlier.recall(outdated, effect)
        self.journal.outdated([self.book.tests[test] for test in outdated], self.selector)
        return [f"{entry.message} of run {entry.run}" for entry in found]

    def runs(self, message: str, *, outcome: Outcome = "passed") -> None:
        """Run the test."""
        self.run += 1
        digest = fingerprint(FILE, self.path.read_bytes()).digest
        self.selector.feed(BlocksDeclared(run=self.run, path=FILE, digest=digest, first=0, names=("test_a",)))
        self.selector.feed(TestRecorded(run=self.run, test=TEST, roots=(FILE,), blocks=(0,)))
        result = TestFinished(
            run=self.run,
            test=TEST,
            outcome=outcome,
            duration_ms=1.0,
            message=message,
        )
        self.journal.finished(self.book.finished(result, self.change), result)
        self.selector.end_run(self.run)
        self.earlier.ran([TEST])

    def close(self) -> None:
        """End, with all written."""
        self.journal.close(self.selector)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with contextlib.closing(Parts(tmp_path)) as made:
        yield made


def test_the_last_few_states_of_a_test_are_known_again(parts: Parts) -> None:
    for number in range(9):
        assert parts.save(number) == []
        parts.runs(f"state {number}")
    assert parts.save(7) == ["state 7 of run 8"]
    assert parts.save(3) == ["state 3 of run 4"]
    assert parts.save(8) == ["state 8 of run 9"]
    assert parts.save(1) == [], "six states are kept"
    assert parts.book.outdated() == {TEST}


def test_the_newest_result_of_a_state_counts(parts: Parts) -> None:
    parts.save(1)
    parts.runs("first")
    parts.save(2)
    parts.runs("other")
    assert parts.save(1) == ["first of run 1"]
    parts.runs("second")
    parts.save(2)
    assert parts.save(1) == ["second of run 3"]
    result = parts.journal.result(TEST)
    assert result is not None
    assert result.message == "second"


def test_failures_are_neither_kept_nor_excused(parts: Parts) -> None:
    parts.save(1)
    parts.runs("good")
    parts.save(2)
    parts.runs("bad", outcome="failed")
    assert parts.save(1) == []
    parts.runs("good again")
    assert parts.save(2) == []


def test_a_test_that_was_not_fresh_leaves_nothing(parts: Parts) -> None:
    parts.save(1)
    parts.runs("one")
    parts.save(2)
    assert parts.save(3) == []
    assert parts.save(2) == [], "it never ran so"
    assert parts.save(1) == ["one of run 1"]


def test_they_outlive_a_restart_with_their_results(tmp_path: Path) -> None:
    first = Parts(tmp_path)
    first.save(1)
    first.runs("one")
    first.save(2)
    first.runs("two")
    first.save(3)
    first.close()
    second = Parts(tmp_path)
    assert second.save(1) == ["one of run 1"]
    second.close()
    third = Parts(tmp_path)
    assert third.book.outdated() == set()
    result = third.journal.result(TEST)
    assert result is not None
    assert (result.message, result.run) == ("one", 1)
    assert third.save(2) == ["two of run 2"]
    third.close()


def test_a_run_that_saw_a_change_before_it_was_noticed_leaves_nothing(parts: Parts) -> None:
    parts.save(1)
    parts.path.write_text("def test_a():\n    assert 22 >= 0\n")
    parts.runs("of the second state, taken for the first's")
    parts.save(3)
    parts.runs("three")
    assert parts.save(1) == []


def test_a_run_that_may_have_seen_a_new_file_leaves_nothing(parts: Parts) -> None:
    parts.save(1)
    new = parts.path.with_name("conftest.py")
    new.write_text("")
    parts.runs("with a conftest, taken for one without")
    parts.earlier.make_keys(1)
    assert parts.book.tests[TEST].key
    effect = parts.selector.changed([new])
    parts.earlier.leave(effect.tests, effect)
    assert not parts.book.tests[TEST].key
