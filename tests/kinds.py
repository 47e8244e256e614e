"""Every kind of change that other selectors miss: edits of the project in tests/projects/kinds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

Edit = tuple[str, str, str | None]
"""Path, old text, new text: the whole text of a new file if the old one is empty; None deletes the file."""


@dataclass(frozen=True)
class Kind:
    """An edit (`path`, `old`, `new`: see `Edit`), and names of tests that must differ after it.

    Attributes:
        because: How the reason of some selected test begins.
        also: More edits.
        variables: Environment variables with other values.
        keeps_time: The edited file has the same modification time as before.
        database: The tests need the managed databases.
    """

    name: str
    path: str
    old: str
    new: str | None
    differs: tuple[str, ...]
    because: str = ""
    also: tuple[Edit, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    keeps_time: bool = False
    database: bool = False

    def apply(self, root: Path) -> None:
        """Make the edits in a copy of the project."""
        for path, old, new in ((self.path, self.old, self.new), *self.also):
            if path:
                _edit(root / path, old, new, keeps_time=self.keeps_time)


def _edit(file: Path, old: str, new: str | None, *, keeps_time: bool) -> None:
    if new is None:
        file.unlink()
        return
    if not old:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(new, encoding="utf-8")
        return
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    before = file.stat()
    file.write_text(text.replace(old, new), encoding="utf-8")
    if keeps_time:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


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
