"""Another default value is seen by the function when it runs, by who inspects it, and by nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

SHOP = """\
RATE = 2


class Cart:
    def __init__(self, limit=9):
        self.limit = limit

    def total(self, *prices, rate=1.5):
        return sum(prices) * rate


def plain(a=1):
    def inner(b=7):
        return b

    return a, inner


def other():
    return 3
"""
TESTS = """\
import shop


def test_plain():
    assert shop.plain()[0] < 5


def test_inner():
    assert shop.plain()[1]() < 10


def test_cart():
    assert shop.Cart().total(1, 2) < 99


def test_limit():
    assert shop.Cart().limit < 99


def test_other():
    assert shop.other() == 3
"""


@pytest.fixture
def project(lab: Lab) -> Lab:
    lab.write("shop.py", SHOP)
    lab.write("test_shop.py", TESTS)
    return lab


def chosen(lab: Lab) -> set[str]:
    return {test.rpartition("::")[2] for test in lab.ask().tests}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a=1", "a=2", {"test_plain", "test_inner"}),
        ("b=7", "b=8", {"test_inner"}),
        ("rate=1.5", "rate=-1", {"test_cart"}),
        ("limit=9", "limit=None", {"test_cart", "test_limit"}),
    ],
    ids=["function", "inner", "keyword", "init"],
)
def test_a_literal_reaches_the_tests_that_ran_its_function(
    project: Lab, old: str, new: str, expected: set[str]
) -> None:
    project.record()
    project.replace("shop.py", old, new)
    assert chosen(project) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [("a=1", "a=RATE"), ("a=1", "a=print()"), ("a=1", "a"), ("self, limit=9", "self, _=1, limit=9")],
    ids=["name", "call", "none", "one more"],
)
def test_all_else_of_a_signature_reaches_who_imports_it(project: Lab, old: str, new: str) -> None:
    project.record()
    project.replace("shop.py", old, new)
    assert "test_other" in chosen(project)


@pytest.mark.parametrize(
    "look",
    [
        "inspect.signature(shop.plain)",
        "inspect.getfullargspec(shop.Cart.total)",
        "inspect.signature(shop.Cart)",
        "shop.plain.__defaults__",
        "getattr(shop.Cart().total, '__kwdefaults__')",
        "mock.create_autospec(shop.other)",
    ],
)
def test_who_inspects_a_function_sees_them(project: Lab, look: str) -> None:
    """As far as is known, of all functions of the file: names are not told apart."""
    project.write(
        "test_look.py",
        f"""
        import inspect
        from unittest import mock

        import shop


        def test_look():
            assert {look}


        def test_blind():
            assert inspect.isfunction(shop.plain)
        """,
    )
    project.record()
    project.replace("shop.py", "a=1", "a=2")
    found = project.ask().tests
    assert found["test_look.py::test_look"] == "a default value of `shop.plain` changed, which it reads"
    assert "test_look.py::test_blind" not in found
    assert "test_shop.py::test_other" not in found


def test_who_inspects_a_function_at_import_is_changed_as_a_whole(project: Lab) -> None:
    project.write(
        "table.py",
        """
        import inspect

        KNOWN = {}

        def register(function):
            KNOWN[function.__name__] = str(inspect.signature(function))
            return function
        """,
    )
    project.replace("shop.py", "def plain", "import table\n\n\n@table.register\ndef plain")
    project.write("test_table.py", "import table\n\n\ndef test_table():\n    assert table.KNOWN\n")
    project.record()
    project.replace("shop.py", "a=1", "a=2")
    found = project.ask().tests
    assert found["test_shop.py::test_other"] == (
        "a default value of `shop.plain` changed, which is read when `shop.py` is imported, "
        "imported by test_shop.py"
    )


def test_a_function_that_runs_at_import_counts_there(project: Lab) -> None:
    project.write("made.py", "import shop\n\nMADE = shop.plain()\n")
    project.write("test_made.py", "import made\n\n\ndef test_made():\n    assert made.MADE\n")
    project.record()
    project.replace("shop.py", "a=1", "a=2")
    assert chosen(project) == {"test_made", "test_plain", "test_inner"}


def test_pytest_itself_looks_at_names_only(project: Lab) -> None:
    project.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture
        def value(a=1):
            return a

        @pytest.fixture
        def unused(a=3):
            return a
        """,
    )
    project.replace("test_shop.py", "def test_other():", "def test_other(value):\n    assert value < 9")
    project.record()
    project.replace("conftest.py", "a=1", "a=2")
    assert chosen(project) == {"test_other"}
    project.take()
    project.replace("conftest.py", "a=3", "a=4")
    assert not chosen(project)


def test_a_process_may_see_them(project: Lab) -> None:
    project.write(
        "test_process.py",
        """
        import subprocess
        import sys


        def test_process():
            look = "import inspect, shop; inspect.signature(shop.plain)"
            assert not subprocess.call([sys.executable, "-c", look])
        """,
    )
    project.record()
    project.replace("shop.py", "a=1", "a=2")
    assert "test_process" in chosen(project)
