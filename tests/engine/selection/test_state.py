"""Keys of the state of what a test needs: what changes them, what does not, and that they come back."""

from __future__ import annotations

import msgspec
import pytest

from enctest.dependencies import BlocksDeclared, ModuleRecorded, TestRecorded
from enctest.selection.fingerprint import fingerprint
from enctest.selection.index import DependencyIndex
from enctest.selection.rows import TestRow
from enctest.selection.state import StateKeys

FILES = {
    "shop/cart.py": "import tax\ndef total(): return tax.rate()\ndef other(a=1): return 2\n",
    "shop/tax.py": "LIMIT = 3\ndef rate(): return 1\ndef unused(): return 2\n",
    "tests/test_cart.py": "import cart\ndef test_total(): cart.total()\ndef test_other(): cart.other()\n",
    "tests/conftest.py": "def helper(): return 1\n",
    "tests/data/prices.csv": "1,2\n",
    "elsewhere.py": "def far(a=1): return 1\n",
    "notes.txt": "nothing\n",
}
TOTAL = "tests/test_cart.py::test_total"


class Project:
    """An index of a few files in which one test has run, and its key."""

    def __init__(self) -> None:
        self.index = DependencyIndex()
        self.world = "one"
        self.keys = StateKeys(self.index, lambda: self.world)
        numbers: dict[tuple[str, str], int] = {}
        for path, source in FILES.items():
            self.write(path, source)
            print_ = fingerprint(path, source.encode())
            names = tuple(print_.blocks)
            first = len(numbers)
            numbers |= {(path, name): first + at for at, name in enumerate(names)}
            if path.endswith(".py"):
                self.index.feed(
                    BlocksDeclared(run=1, path=path, digest=print_.digest, first=first, names=names)
                )
        self.index.feed(ModuleRecorded(run=1, path="shop/cart.py", imports=("shop/tax.py",)))
        self.index.feed(ModuleRecorded(run=1, path="shop/tax.py"))
        self.index.feed(ModuleRecorded(run=1, path="tests/test_cart.py", imports=("shop/cart.py",)))
        self.index.feed(ModuleRecorded(run=1, path="tests/conftest.py"))
        ran = (("shop/cart.py", "total"), ("shop/tax.py", "rate"), ("tests/test_cart.py", "test_total"))
        self.index.feed(
            TestRecorded(
                run=1,
                test=TOTAL,
                roots=("tests/test_cart.py", "tests/conftest.py"),
                blocks=tuple(numbers[each] for each in ran),
                files=("tests/data/prices.csv", "tests/data/", "&elsewhere.py"),
                absent=("fast_tax",),
            )
        )

    def write(self, path: str, source: str | None) -> None:
        self.index.remember(path, None if source is None else fingerprint(path, source.encode()))

    @property
    def row(self) -> TestRow:
        return self.index.tests[TOTAL]

    def key(self) -> bytes:
        return self.keys.of(self.row)


@pytest.fixture
def project() -> Project:
    return Project()


NEEDED = {
    "a function that ran": ("shop/tax.py", FILES["shop/tax.py"].replace("return 1", "return 9")),
    "a module level on the way": ("shop/tax.py", FILES["shop/tax.py"].replace("LIMIT = 3", "LIMIT = 4")),
    "the test itself": ("tests/test_cart.py", FILES["tests/test_cart.py"].replace("cart.total()", "pass")),
    "a conftest's level": ("tests/conftest.py", "import os\n" + FILES["tests/conftest.py"]),
    "a module it imports is gone": ("shop/tax.py", None),
    "a data file": ("tests/data/prices.csv", "1,3\n"),
    "a default value of a file it inspects": ("elsewhere.py", "def far(a=2): return 1\n"),
    "a listed folder": ("tests/data/more.csv", "5\n"),
    "a file of the same name as one it reads": ("other/prices.csv", "1\n"),
    "a module it looked for": ("shop/fast_tax.py", ""),
    "a module that shadows one it imports": ("tests/tax.py", ""),
    "a new conftest above it": ("conftest.py", ""),
    "a package that was none": ("tests/__init__.py", ""),
    "the configuration": ("pyproject.toml", "[tool.pytest.ini_options]\n"),
    "variables from a file": (".env", "A=1\n"),
    "a migration": ("migrations/0001_a.up.sql", "create table a ();\n"),
    "a test of its name in a test file it reaches": (
        "tests/test_cart.py",
        FILES["tests/test_cart.py"] + "class TestMore:\n    def test_total(self): pass\n",
    ),
}


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_test_needs_changes_its_key_and_going_back_brings_it_back(project: Project, name: str) -> None:
    path, source = NEEDED[name]
    before = project.key()
    assert before
    project.write(path, source)
    assert project.key() != before
    project.write(path, FILES.get(path))
    project.index.feed(ModuleRecorded(run=2, path="elsewhere.py"))
    assert project.key() == before


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("shop/cart.py", FILES["shop/cart.py"].replace("return 2", "return 3")),
        ("shop/tax.py", "# a remark\n" + FILES["shop/tax.py"]),
        ("tests/test_cart.py", FILES["tests/test_cart.py"].replace("cart.other()", "pass")),
        ("elsewhere.py", "def far(a=1): return 2\n"),
        ("notes.txt", "something\n"),
        ("sub/new_module.py", "def anything(): pass\n"),
        ("shop/cart.py", FILES["shop/cart.py"].replace("a=1", "a=2")),
    ],
)
def test_what_a_test_does_not_need_leaves_its_key(project: Project, path: str, source: str) -> None:
    before = project.key()
    project.write(path, source)
    assert project.key() == before


def test_an_import_that_is_known_again_counts_again(project: Project) -> None:
    """What a module needed is forgotten when its level changes: a key without it would be too weak."""
    before = project.key()
    project.write("shop/cart.py", FILES["shop/cart.py"].replace("import tax", "tax = None"))
    project.write("shop/cart.py", FILES["shop/cart.py"])
    assert project.key() == before
    project.write("shop/tax.py", FILES["shop/tax.py"].replace("LIMIT = 3", "LIMIT = 4"))
    assert project.key() != before
    assert set(project.index.affected({"shop/tax.py": None}).tests) == {TOTAL}


def test_a_process_that_was_not_seen_needs_the_whole_project(project: Project) -> None:
    row = msgspec.structs.replace(project.row, opaque=True)
    before = project.keys.of(row)
    project.write("notes.txt", "something\n")
    assert project.keys.of(row) != before


def test_other_distributions_change_every_key(project: Project) -> None:
    before = project.key()
    project.world = "two"
    assert project.key() != before


def test_an_environment_variable_of_unknown_value_gives_no_key(project: Project) -> None:
    row = msgspec.structs.replace(project.row, files=("$HOME",))
    assert project.keys.of(row) == b""
    known = StateKeys(project.index, lambda: "", {"HOME": "a"}.__getitem__)
    other = StateKeys(project.index, lambda: "", {"HOME": "b"}.__getitem__)
    assert b"" != known.of(row) != other.of(row)


def test_every_kind_of_dependency_has_its_place_in_the_key() -> None:
    """A new field of a row has to be thought of in `state`: an earlier result would be taken for true."""
    known = {"test", "roots", "blocks", "needs", "files", "absent", "opaque"}
    assert set(TestRow.__struct_fields__) == known | {"wider"}  # these are among the files


def test_stored_keys_are_made_again_after_a_restart(project: Project) -> None:
    before = project.key()
    project.write("shop/tax.py", NEEDED["a function that ran"][1])
    changes = project.index.changed_rows()
    again = DependencyIndex()
    again.restore(changes.files, changes.tests, changes.former)
    keys = StateKeys(again, lambda: "one")
    assert keys.of(again.tests[TOTAL]) == project.key() != before
    again.remember("shop/tax.py", fingerprint("shop/tax.py", FILES["shop/tax.py"].encode()))
    assert keys.of(again.tests[TOTAL]) == before
