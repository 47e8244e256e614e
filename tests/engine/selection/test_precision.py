"""What must not be selected: the edit of one function selects the tests that ran it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

OPAQUE = "tests/test_imports.py::test_process"
"""Starts a Python whose work is not recorded: any change of the sources counts."""


def chosen(kinds: Lab) -> set[str]:
    return set(kinds.ask().tests) - {OPAQUE}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def leaf():\n    return", "def leaf():\n    # a comment\n    return"),
        (
            "def total(prices):\n    return sum(prices)",
            "def total(\n    prices,\n):\n\n    return sum( prices )",
        ),
        ('"leaf"', "'leaf'"),
        ("    return 42", "    return 0x2A"),
    ],
    ids=["comment", "formatting", "quotes", "notation"],
)
def test_what_means_the_same_selects_nothing(kinds: Lab, old: str, new: str) -> None:
    kinds.replace("src/shop/cart.py", old, new)
    assert not chosen(kinds)


def test_a_touch_selects_nothing(kinds: Lab) -> None:
    (kinds.root / "src/shop/cart.py").touch()
    found = kinds.ask()
    assert not found.tests
    assert not found.new_in


def test_a_leaf_body_selects_exactly_its_tests(kinds: Lab) -> None:
    kinds.replace("src/shop/cart.py", '"leaf"', '"twig"')
    assert chosen(kinds) == {"tests/test_leaf.py::test_leaf"}


def test_a_docstring_selects_the_tests_that_ran_its_function(kinds: Lab) -> None:
    kinds.replace("src/shop/cart.py", "Ten percent", "A tenth")
    assert chosen(kinds) == {"tests/test_cart.py::test_discount"}


def test_an_unused_functions_body_selects_nothing(kinds: Lab) -> None:
    kinds.replace("src/shop/cart.py", "return 0", "return 1")
    assert not chosen(kinds)


def test_a_tests_own_change_selects_it_alone(kinds: Lab) -> None:
    kinds.replace("tests/test_cart.py", "def test_limited():", "def test_limited(tmp_path):")
    found = kinds.ask()
    assert set(found.tests) == {"tests/test_cart.py::test_limited"}
    assert found.new_in == {"tests/test_cart.py"}


def test_a_new_test_outdates_none_of_its_file(kinds: Lab) -> None:
    kinds.replace(
        "tests/test_cart.py", "def test_limited", "def test_more():\n    pass\n\n\ndef test_limited"
    )
    found = kinds.ask()
    assert not found.tests
    assert found.new_in == {"tests/test_cart.py"}


def test_a_module_level_selects_what_imports_it_and_tells_the_way(kinds: Lab) -> None:
    kinds.replace("src/shop/registry.py", '["x"]', '["x"]\n\n\nMORE = 1')
    found = kinds.ask()
    assert {test.partition("::")[0] for test in found.tests} == {"tests/test_imports.py"}
    assert found.tests["tests/test_imports.py::test_bonus"] == (
        "module level of `src/shop/registry.py` changed, imported by tests/test_imports.py"
    )
    kinds.replace("src/shop/models.py", '"base"', '"root"')
    assert kinds.ask().tests["tests/test_leaf.py::test_leaf"] == (
        "module level of `src/shop/models.py` changed, "
        "imported by tests/test_leaf.py via src/shop/__init__.py"
    )


def test_a_file_that_nobody_reads_selects_nothing(kinds: Lab) -> None:
    kinds.write("README.md", "# Shop\n")
    assert not chosen(kinds)


def test_a_new_module_that_nobody_looked_for_selects_nothing(kinds: Lab) -> None:
    kinds.write("src/shop/fresh.py", "X = 1\n")
    assert not chosen(kinds)
