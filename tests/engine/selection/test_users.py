"""From files and functions to the tests that need them."""

from __future__ import annotations

from pathlib import Path

import pytest

from enctest.dependencies import BlocksDeclared, ModuleRecorded, TestRecorded
from enctest.events import Use
from enctest.selection.fingerprint import fingerprint
from enctest.selection.index import DependencyIndex
from enctest.selection.users import find_users

FILES = {
    "shop.py": "import limits\n\ndef f():\n    return 1\n\nclass C:\n\n    def g(self):\n        return 2\n",
    "limits.py": "MOST = 3\n",
    "unused.py": "def h(): pass\n",
    "test_a.py": "import shop\ndef test_f(): shop.f()\ndef test_g(): shop.C().g()\n",
    "prices.csv": "1\n",
}
F, G = "test_a.py::test_f", "test_a.py::test_g"


@pytest.fixture
def index(tmp_path: Path) -> DependencyIndex:
    index = DependencyIndex()
    numbers: dict[str, int] = {}
    for path, source in FILES.items():
        (tmp_path / path).write_text(source)
        print_ = fingerprint(path, source.encode())
        index.remember(path, print_)
        first, names = len(numbers), tuple(print_.blocks)
        numbers |= {name: first + at for at, name in enumerate(names)}
        if path.endswith(".py"):
            index.feed(BlocksDeclared(run=1, path=path, digest=print_.digest, first=first, names=names))
    index.feed(ModuleRecorded(run=1, path="shop.py", imports=("limits.py",)))
    index.feed(ModuleRecorded(run=1, path="test_a.py", imports=("shop.py",)))
    for test, ran, files in ((F, ("f", "test_f"), ()), (G, ("C.g", "test_g"), ("prices.csv",))):
        blocks = tuple(numbers[name] for name in ran)
        index.feed(TestRecorded(run=1, test=test, roots=("test_a.py",), blocks=blocks, files=files))
    return index


def test_files_with_the_number_of_tests_that_need_them(index: DependencyIndex, tmp_path: Path) -> None:
    answer = find_users(index, tmp_path)
    assert {use.name: use.tests for use in answer.uses} == {
        "limits.py": 2,
        "prices.csv": 1,
        "shop.py": 2,
        "test_a.py": 2,
    }


def test_functions_of_a_file_with_their_lines(index: DependencyIndex, tmp_path: Path) -> None:
    answer = find_users(index, tmp_path, "shop.py")
    assert answer.uses == (Use(name="f", tests=1, line=3), Use(name="C.g", tests=1, line=8))
    assert answer.tests == (F, G)
    (tmp_path / "shop.py").write_text("def f(:\n")
    assert [use.line for use in find_users(index, tmp_path, "shop.py").uses] == [0, 0]


@pytest.mark.parametrize(
    ("path", "function", "tests"),
    [
        ("shop.py", "f", (F,)),
        ("shop.py", "C.g", (G,)),
        ("shop.py", "none", ()),
        ("limits.py", None, (F, G)),
        ("prices.csv", None, (G,)),
        ("unused.py", None, ()),
        ("nowhere.py", None, ()),
    ],
)
def test_who_runs_a_function_or_needs_a_file(
    index: DependencyIndex, tmp_path: Path, path: str, function: str | None, tests: tuple[str, ...]
) -> None:
    assert find_users(index, tmp_path, path, function).tests == tests


def test_the_answer_keeps_up(index: DependencyIndex, tmp_path: Path) -> None:
    assert find_users(index, tmp_path, "shop.py", "f").tests == (F,)
    index.forget_tests([F])
    assert find_users(index, tmp_path, "shop.py", "f").tests == ()
