"""A private constant is seen by the functions that mention it; whatever else may see it makes it wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

SHOP = """\
_RATE = 3


def price(net):
    return net * _RATE


def label(text):
    return text.title()
"""
TESTS = """\
import shop


def test_price():
    assert shop.price(2) > 1


def test_label():
    assert shop.label("a") == "A"
"""


@pytest.fixture
def project(lab: Lab) -> Lab:
    lab.write("shop.py", SHOP)
    lab.write("test_shop.py", TESTS)
    lab.write("other.py", "def far():\n    return 1\n")
    lab.write("test_other.py", "import other\n\n\ndef test_far():\n    assert other.far()\n")
    return lab


def append(lab: Lab, path: str, text: str) -> None:
    with (lab.root / path).open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize("annotation", ["", ": object"])
def test_it_reaches_the_tests_that_ran_a_function_that_mentions_it(project: Lab, annotation: str) -> None:
    project.replace("shop.py", "_RATE = 3", f"_RATE{annotation} = 3")
    project.record()
    project.replace("shop.py", " = 3", " = (4, -5)")
    assert project.ask().tests == {"test_shop.py::test_price": "`shop._RATE` changed"}


def test_a_function_that_runs_at_import_counts_there(project: Lab) -> None:
    append(project, "other.py", "\n\nimport shop\n\nMADE = shop.price(3)\n")
    project.record()
    project.replace("shop.py", "_RATE = 3", "_RATE = 4")
    found = project.ask().tests
    assert set(found) == {"test_shop.py::test_price", "test_other.py::test_far"}
    assert found["test_other.py::test_far"] == (
        "`shop._RATE` changed, which runs when `other.py` is imported, imported by test_other.py"
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("shop.py", "\nOTHER = _RATE + 1\n"),
        ("shop.py", "\n__all__ = ['_RATE']\n"),
        ("shop.py", "\n\nclass Shop:\n    rate = _RATE\n"),
        ("shop.py", "\n\ndef more(rate=_RATE):\n    return rate\n"),
        ("shop.py", "\n\ndef more(rate: '_RATE'):\n    return rate\n"),
        ("shop.py", "\n\n@[abs, len, min, callable][_RATE]\ndef more():\n    return 1\n"),
        ("shop.py", "\n_WHERE = '_RATE'\n\n\ndef more(module):\n    return getattr(module, _WHERE)\n"),
        ("shop.py", "\n_RATE = 5\n"),
        ("shop.py", "\nfor _RATE in range(3): pass\n"),
        ("shop.py", "\nfrom os import sep as _SEP, altsep as _RATE\n_RATE = 2\n"),
        ("shop.py", "\n\ndef more():\n    global _RATE\n    _RATE = 4\n"),
        ("shop.py", "\nif not _RATE:\n    def _RATE():\n        return 1\n"),
        ("shop.py", "\n\ndef more():\n    return globals()\n"),
        ("shop.py", "\n\ndef more():\n    return eval('_' + 'RATE')\n"),
        ("shop.py", "\n\nimport sys\n\nME = sys.modules[__name__]\n"),
        ("shop.py", "\n\ndef more():\n    '''>>> _RATE\n    3'''\n"),
        ("other.py", "\nfrom shop import _RATE\n"),
        ("other.py", "\nimport shop\n\nX = lambda: shop._RATE\n"),
        ("other.py", "\nX = lambda shop: getattr(shop, '_RATE')\n"),
        ("other.py", "\nX = [lambda shop: getattr(shop, f'_{name}') for name in ['RATE']]\n"),
        ("other.py", "\nX = lambda module: vars(module)\n"),
        ("other.py", "\nfrom shop import *\n\nX = dict(globals())\n"),
        ("test_other.py", "\nWHERE = 'shop._RATE'\n"),
        ("names.json", '["shop:_RATE"]'),
    ],
)
def test_whatever_else_may_see_it_makes_it_wide(project: Lab, path: str, text: str) -> None:
    append(project, path, text)
    project.record()
    project.replace("shop.py", "_RATE = 3", "_RATE = 1")
    assert "test_shop.py::test_label" in project.ask().tests


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_RATE = 3", "_RATE = abs(-3)"),
        ("_RATE = 3", "_RATE = _RATED = 3"),
        ("_RATE = 3", "_RATE: int = 3"),
        ("_RATE = 3\n", "\n"),
        ("net * _RATE", "net * 3"),
    ],
)
def test_only_another_literal_is_no_change_of_the_module_level(project: Lab, old: str, new: str) -> None:
    """Where nobody mentions it any more, somebody else must read it."""
    project.record()
    project.replace("shop.py", old, new)
    assert "test_shop.py::test_label" in project.ask().tests


@pytest.mark.parametrize("name", ["RATE", "__rate", "__rate__"])
def test_names_that_others_look_for_are_wide(project: Lab, name: str) -> None:
    project.replace("shop.py", "_RATE", name)
    project.record()
    project.replace("shop.py", f"{name} = 3", f"{name} = 4")
    assert set(project.ask().tests) == {"test_shop.py::test_price", "test_shop.py::test_label"}
