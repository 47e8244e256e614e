"""The index by itself, fed with records as workers send them."""

from __future__ import annotations

import pytest

from enctest.dependencies import BlocksDeclared, ModuleRecorded, TestRecorded
from enctest.selection.fingerprint import Fingerprint, fingerprint
from enctest.selection.index import DependencyIndex

SOURCE = "def f(): return 1\ndef g(): return 2\n"
TESTS = "import coded\ndef test_f(): coded.f()\ndef test_g(): coded.g()\n"


def of(path: str, source: str) -> Fingerprint:
    return fingerprint(path, source.encode())


@pytest.fixture
def index() -> DependencyIndex:
    """Two tests, each of which ran one function of `coded.py`."""
    index = DependencyIndex()
    for path, source, first in (("coded.py", SOURCE, 0), ("test_a.py", TESTS, 10)):
        print_ = of(path, source)
        index.remember(path, print_)
        names = tuple(print_.blocks)
        index.feed(BlocksDeclared(run=1, path=path, digest=print_.digest, first=first, names=names))
    index.feed(ModuleRecorded(run=1, path="coded.py"))
    index.feed(ModuleRecorded(run=1, path="test_a.py", imports=("coded.py",)))
    index.feed(TestRecorded(run=1, test="test_a.py::test_f", roots=("test_a.py",), blocks=(0, 10)))
    index.feed(TestRecorded(run=1, test="test_a.py::test_g", roots=("test_a.py",), blocks=(1, 11)))
    return index


def changed(index: DependencyIndex, source: str) -> set[str]:
    return set(index.affected({"coded.py": of("coded.py", source)}).tests)


def test_a_test_that_no_longer_runs_a_function_does_not_depend_on_it(index: DependencyIndex) -> None:
    edit = SOURCE.replace("1", "3")
    assert changed(index, edit) == {"test_a.py::test_f"}
    index.feed(TestRecorded(run=1, test="test_a.py::test_f", roots=("test_a.py",), blocks=(1, 10)))
    assert changed(index, edit) == set()
    index.feed(TestRecorded(run=1, test="test_a.py::test_f", roots=("test_a.py",), blocks=(0, 10)))
    assert changed(index, edit) == {"test_a.py::test_f"}


def test_rows_are_told_once_and_restore_the_index(index: DependencyIndex) -> None:
    changes = index.changed_rows()
    assert {row.test for row in changes.tests} == {"test_a.py::test_f", "test_a.py::test_g"}
    assert {row.path for row in changes.files} == {"coded.py", "test_a.py"}
    again = index.changed_rows()
    assert not again.tests
    assert not again.files
    other = DependencyIndex()
    other.restore(changes.files, changes.tests)
    assert changed(other, SOURCE.replace("2", "3")) == {"test_a.py::test_g"}
    index.forget_tests(["test_a.py::test_f"])
    assert index.changed_rows().gone_tests == ("test_a.py::test_f",)
    assert changed(index, SOURCE.replace("1", "3")) == set()


def test_restored_numbers_are_not_given_out_again(index: DependencyIndex) -> None:
    changes = index.changed_rows()
    other = DependencyIndex()
    other.restore(changes.files, changes.tests)
    other.feed(BlocksDeclared(run=2, path="new.py", digest="d", first=0, names=("h",)))
    taken = {number for row in changes.files for number in row.names.values()}
    assert not taken & set(other.files["new.py"].names.values())
    assert other.files["new.py"].number not in {row.number for row in changes.files}


def test_a_record_of_an_ended_run_makes_the_test_unknown(index: DependencyIndex) -> None:
    index.end_run(1)
    index.feed(TestRecorded(run=1, test="test_a.py::test_f", roots=("test_a.py",), blocks=(0, 10)))
    assert "test_a.py::test_f" not in index.tests


def test_a_deleted_file_affects_its_importers_and_so_does_its_return(index: DependencyIndex) -> None:
    both = {"test_a.py::test_f", "test_a.py::test_g"}
    assert set(index.affected({"coded.py": None}).tests) == both
    index.remember("coded.py", None)
    index.feed(TestRecorded(run=1, test="test_a.py::test_f", roots=("test_a.py",), blocks=(10,)))
    assert "test_a.py::test_f" not in index.affected({"coded.py": None}).tests
    index.feed(ModuleRecorded(run=1, path="test_a.py", absent=("coded",)))
    assert set(index.affected({"coded.py": of("coded.py", SOURCE)}).tests) == both


def test_a_deleted_test_file_affects_none_of_its_own_tests(index: DependencyIndex) -> None:
    found = index.affected({"test_a.py": None})
    assert not found.tests
    assert not found.new_in


def test_a_file_compiled_before_anybody_looked_is_no_change() -> None:
    index = DependencyIndex()
    print_ = of("a.py", SOURCE)
    index.feed(BlocksDeclared(run=1, path="a.py", digest=print_.digest, first=0, names=("f", "g")))
    index.feed(TestRecorded(run=1, test="t.py::test", roots=("t.py", "a.py"), blocks=(0,)))
    assert not index.affected({"a.py": print_}).tests


def test_fingerprints_of_another_python_say_nothing(index: DependencyIndex) -> None:
    import msgspec

    same = msgspec.structs.replace(of("coded.py", SOURCE), format="1/2.7", level="other")
    assert not index.affected({"coded.py": same}).tests
    edited = msgspec.structs.replace(of("coded.py", SOURCE + "#"), format="1/2.7")
    assert len(index.affected({"coded.py": edited}).tests) == 2


def test_many_tests_are_answered_for(index: DependencyIndex) -> None:
    names = [f"test_a.py::test_f[{number}]" for number in range(5000)]
    for name in names:
        index.feed(TestRecorded(run=1, test=name, roots=("test_a.py",), blocks=(0, 10)))
    assert changed(index, SOURCE.replace("1", "3")) == {*names, "test_a.py::test_f"}
    assert len(changed(index, SOURCE + "X = 1\n")) == len(names) + 2
