from __future__ import annotations

from enctest.events import TestFinished, TestInfo
from enctest.explorer.book import Book
from enctest.session.job import KnownTest


def info(test: str, line: int = 1) -> TestInfo:
    return TestInfo(test=test, path=test.split("::", maxsplit=1)[0], line=line)


def passed(test: str, run: int = 1) -> TestFinished:
    return TestFinished(run=run, test=test, outcome="passed", duration_ms=1.0)


def book(*tests: str) -> Book:
    made = Book()
    for number, test in enumerate(tests):
        made.collected(
            test.split("::")[0], [*(e.info for e in made.entries_of(test.split("::")[0])), info(test, number)]
        )
    return made


def test_a_result_makes_a_test_fresh() -> None:
    made = book("a.py::x")
    assert made.outdated() == {"a.py::x"}
    made.finished(passed("a.py::x"), since=0)
    assert made.outdated() == set()


def test_a_result_of_a_run_that_began_before_the_change_does_not() -> None:
    made = book("a.py::x")
    made.finished(passed("a.py::x"), since=0)
    made.outdate(["a.py::x"], change=2)
    made.finished(passed("a.py::x"), since=1)
    assert made.outdated() == {"a.py::x"}
    made.finished(passed("a.py::x"), since=2)
    assert made.outdated() == set()


def test_tests_that_a_file_no_longer_holds_are_gone() -> None:
    made = book("a.py::x", "a.py::y", "b.py::z")
    assert made.collected("a.py", [info("a.py::y")]) == ["a.py::x"]
    assert set(made.tests) == {"a.py::y", "b.py::z"}


def test_a_partial_view_removes_nothing() -> None:
    made = book("a.py::x", "a.py::y")
    assert made.collected("a.py", [info("a.py::y")], keep=True) == []
    assert set(made.tests) == {"a.py::x", "a.py::y"}


def test_shuffled_collection_keeps_the_order() -> None:
    made = Book()
    made.collected("a.py", [info("a.py::t[1]", 5), info("a.py::t[2]", 5), info("a.py::first", 1)])
    before = made.files["a.py"]
    made.collected("a.py", [info("a.py::t[2]", 5), info("a.py::first", 1), info("a.py::t[1]", 5)])
    assert made.files["a.py"] == before == ["a.py::first", "a.py::t[1]", "a.py::t[2]"]


def test_a_renamed_test_keeps_what_is_known_of_it() -> None:
    made = book("a.py::t[10:01]")
    made.finished(passed("a.py::t[10:01]"), since=0)
    made.renamed("a.py::t[10:01]", "a.py::t[10:02]")
    assert list(made.tests) == ["a.py::t[10:02]"]
    assert made.tests["a.py::t[10:02]"].outcome == "passed"
    assert made.outdated() == set()


def test_a_file_that_cannot_be_collected_stands_as_an_error_until_it_can() -> None:
    made = book("a.py::x")
    made.finished(passed("a.py::x"), since=0)
    made.finished(
        TestFinished(run=2, test="a.py", outcome="error", duration_ms=0, message="SyntaxError"), since=0
    )
    assert made.broken == {"a.py"}
    assert made.tests["a.py::x"].outcome == "passed"
    assert made.failed() == {"a.py"}
    assert (len(made.tests), made.count) == (2, 1)
    assert made.collected("a.py", [info("a.py::x")]) == ["a.py"]
    assert made.broken == set()


def test_a_plan_names_every_known_test_of_its_files() -> None:
    made = book("a.py::x", "a.py::y", "b.py::z")
    assert made.plan({"a.py::y"}, ["new.py"]) == {
        "new.py": (),
        "a.py": (KnownTest("a.py::x", False), KnownTest("a.py::y", True)),
    }


def test_patterns_match_files_folders_classes_and_parameters() -> None:
    made = book("t/a.py::C::x", "t/a.py::p[1]", "t/ab.py::y")
    assert made.match(["t/a.py"]) == {"t/a.py::C::x", "t/a.py::p[1]"}
    assert made.match(["t"]) == set(made.tests)
    assert made.match(["t/a.py::C"]) == {"t/a.py::C::x"}
    assert made.match(["t/a.py::p"]) == {"t/a.py::p[1]"}
    assert made.match(["nowhere"]) == set()
