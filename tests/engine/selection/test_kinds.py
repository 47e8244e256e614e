"""Every kind of change that other selectors miss: what a plain run shows to differ has to be selected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

EVERYTHING = "everything"


@dataclass(frozen=True)
class Kind:
    """An edit, and tests that must differ after it.

    `new` is the whole text of a file if `old` is empty; None deletes the file.
    """

    name: str
    path: str
    old: str
    new: str | None
    differs: tuple[str, ...]
    because: str = ""


KINDS = [
    Kind("body", "src/shop/cart.py", "sum(prices)", "0", ("test_total",), "`shop.cart.total` changed"),
    Kind("constant", "src/shop/settings.py", "RATE = 20", "RATE = 30", ("test_rate",)),
    Kind("field default", "src/shop/models.py", '"thing"', '"other"', ("test_item",)),
    Kind("enum value", "src/shop/models.py", '"red"', '"green"', ("test_colour",)),
    Kind("data file", "data/prices.json", "3", "4", ("test_prices",), "`data/prices.json` changed"),
    Kind("data file read at import", "data/catalog.json", "5", "6", ("test_catalog",)),
    Kind("computed import", "src/shop/plugins/first.py", '"ran"', '"walked"', ("test_plugin_first",)),
    Kind(
        "computed import of a constant",
        "src/shop/plugins/first.py",
        '"first"',
        '"1"',
        ("test_plugin_second",),
    ),
    Kind(
        "__import__ of a constant", "src/shop/plugins/second.py", '"second"', '"2"', ("test_plainly_second",)
    ),
    Kind("registry key", "src/shop/registry.py", '@register("a")', '@register("b")', ("test_handlers",)),
    Kind(
        "subprocess",
        "src/shop/script.py",
        "42",
        "43",
        ("test_process", "test_script", "test_script_as_module"),
    ),
    Kind("thread", "src/shop/cart.py", "out.append(1)", "out.append(2)", ("test_thread",)),
    Kind("helper of a session fixture", "src/shop/cart.py", "return 7", "return 8", ("test_shared_second",)),
    Kind("fixture by a computed name", "src/shop/cart.py", "return 7", "return 8", ("test_outer_second",)),
    Kind("cached function", "src/shop/cart.py", "return compute()", "return 41", ("test_cached_second",)),
    Kind(
        "callee of a cached function", "src/shop/cart.py", "return 42", "return 41", ("test_cached_second",)
    ),
    Kind("memo by hand", "src/shop/cart.py", '"made"', '"grown"', ("test_remembered_second",)),
    Kind(
        "lazy global",
        "src/shop/cart.py",
        '"lazy"\n\n\ndef lazy',
        '"eager"\n\n\ndef lazy',
        ("test_lazy_second",),
    ),
    Kind("function that runs at import", "src/shop/registry.py", '["x"]', '["y"]', ("test_built",)),
    Kind(
        "override",
        "src/shop/models.py",
        "class Special(Base):\n    pass",
        "class Special(Base):\n    def price(self):\n        return 2",
        ("test_special",),
    ),
    Kind("new module that was looked for", "src/shop/extra.py", "", "BONUS = 5\n", ("test_bonus",)),
    Kind("fixture body", "tests/conftest.py", '"fresh"', '"stale"', ("test_fresh",)),
    Kind(
        "default argument from elsewhere", "src/shop/settings.py", "LIMIT = 3", "LIMIT = 4", ("test_limited",)
    ),
    Kind("parameters from elsewhere", "src/shop/settings.py", "(2, 4)", "(2, 5)", ("test_doubled[2-4]",)),
    Kind("decorator factory", "src/shop/cart.py", "offset = 0", "offset = 1", ("test_decorated",)),
    Kind("SQL of a session fixture", "data/001.sql", '"x"', '"y"', ("test_database_second",)),
    Kind("value in pyproject.toml", "pyproject.toml", '"EUR"', '"USD"', ("test_currency",)),
    Kind("class attribute", "src/shop/models.py", '"base"', '"root"', ("test_label",)),
    Kind("new file seen by glob", "data/parts/b.txt", "", "two\n", ("test_parts",)),
    Kind("deleted file seen by glob", "data/parts/a.txt", "", None, ("test_parts",)),
    Kind("new file that was looked for", "data/optional.txt", "", "here\n", ("test_optional",)),
    Kind(
        "generator becomes a function",
        "src/shop/cart.py",
        "yield 1\n    yield 2",
        "return 1",
        ("test_never_iterated",),
    ),
    Kind(
        "deleted module",
        "src/shop/plugins/second.py",
        "",
        None,
        ("test_plainly_first", "test_plainly_second"),
    ),
    Kind("re-export", "src/shop/__init__.py", "import RATE", "import LIMIT as RATE", ("test_rate",)),
    Kind("base class of tests", "tests/bases.py", "value = 1", "value = 2", ("test_value",)),
    Kind("inherited test", "tests/bases.py", "self.value == 1", "self.value == 2", ("test_value",)),
    Kind(
        "override of an inherited test",
        "tests/deep/test_inherited.py",
        "class TestOne(Contract):\n    pass",
        "class TestOne(Contract):\n    def test_value(self):\n        raise OSError",
        ("test_value",),
    ),
    Kind(
        "second test of one name",
        "tests/test_leaf.py",
        'assert leaf() == "leaf"',
        'assert leaf()\n\n\ndef test_leaf():\n    assert leaf() == ""',
        ("test_leaf",),
    ),
    Kind(
        "new autouse fixture",
        "tests/deep/conftest.py",
        "import sys",
        "import sys\nimport pytest\n\n@pytest.fixture(autouse=True)\ndef spoil():\n    raise OSError\n",
        ("test_value",),
    ),
    Kind(
        "function removed", "src/shop/cart.py", "def leaf():", "def leaves():", ("test_leaf", "test_patched")
    ),
    Kind(
        "syntax error", "src/shop/loading.py", "def load(name):", "def load(name:", ("tests/test_imports.py",)
    ),
    Kind(
        "skip mark",
        "tests/test_leaf.py",
        "def test",
        "import pytest\n\n@pytest.mark.skip\ndef test",
        ("test_leaf",),
    ),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_all_that_differs_is_selected(kind: Kind, kinds: Lab, differing: Callable[[], set[str]]) -> None:
    apply(kind, kinds)
    found = kinds.ask()
    truth = differing()
    assert {name_of(test) for test in truth} >= set(kind.differs), "the edit does nothing"
    collected = found.new_in | {file_of(test) for test in found.tests}
    missed = {
        test
        for test in truth - found.tests.keys()
        if test in kinds.index.tests or file_of(test) not in collected
    }
    assert not missed
    assert len(found.tests) < len(kinds.index.tests) or found.everything
    if kind.because:
        assert any(reason.startswith(kind.because) for reason in found.tests.values())


def name_of(test: str) -> str:
    """Return the last part of a node id."""
    return test.rpartition("::")[2]


def file_of(test: str) -> str:
    """Return the file of a node id."""
    return test.partition("::")[0]


def apply(kind: Kind, kinds: Lab) -> None:
    """Make the edit."""
    if kind.new is None:
        (kinds.root / kind.path).unlink()
    elif kind.old:
        kinds.replace(kind.path, kind.old, kind.new)
    else:
        kinds.write(kind.path, kind.new)


def test_a_new_test_file_is_collected_whole(kinds: Lab) -> None:
    kinds.write("tests/test_new.py", "def test_new():\n    assert False\n")
    found = kinds.ask()
    assert found.new_in == {"tests/test_new.py"}
    assert not found.tests


def test_a_new_conftest_affects_its_folder(kinds: Lab) -> None:
    kinds.write("unrelated/conftest.py", "raise OSError\n")
    assert {file_of(test) for test in kinds.ask().tests} == {"unrelated/test_alone.py"}
    kinds.write("conftest.py", "raise OSError\n")
    assert set(kinds.ask().tests) == set(kinds.index.tests)


def test_a_new_test_in_a_base_class_is_looked_for_where_it_is_inherited(kinds: Lab) -> None:
    kinds.replace(
        "tests/bases.py", "    value = 1", "    value = 1\n\n    def test_more(self):\n        pass"
    )
    assert "tests/deep/test_inherited.py" in kinds.ask().new_in


def test_pytests_configuration_affects_everything(kinds: Lab) -> None:
    kinds.replace("pyproject.toml", 'testpaths = ["tests", "unrelated"]', "")
    found = kinds.ask()
    assert found.everything == "`pyproject.toml` changed"
    assert set(found.tests) == set(kinds.index.tests)
