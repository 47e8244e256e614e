"""A function that nobody can find comes and goes unnoticed; whoever could find it is affected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enctest.selection.fingerprint import fingerprint
from enctest.selection.mentions import keys_of, mentioned_words, mentions

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

FUNCTION = "\n\ndef fresh_one(a: int = 1) -> str | None:\n    '''New.'''\n    return str(a)\n"


@pytest.fixture
def project(lab: Lab) -> Lab:
    lab.write("shop.py", "from os import sep\n\n\ndef old():\n    return 1\n\n\ndef spare():\n    return 2\n")
    lab.write("other.py", "def unrelated():\n    return 3\n")
    lab.write("test_a.py", "import shop\n\n\ndef test_a():\n    assert shop.old() == 1\n")
    lab.write("test_b.py", "import other\n\n\ndef test_b():\n    assert other.unrelated()\n")
    return lab


def append(lab: Lab, text: str, path: str = "shop.py") -> None:
    with (lab.root / path).open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_new_unused_function_selects_nothing(project: Lab) -> None:
    project.record()
    append(project, FUNCTION)
    assert not project.ask().tests
    project.take()
    project.replace("shop.py", "return str(a)", "return a")
    assert not project.ask().tests


def test_it_counts_once_it_is_used(project: Lab) -> None:
    project.record()
    append(project, FUNCTION)
    project.take()
    project.replace("shop.py", "return 1", "return int(fresh_one())")
    assert set(project.ask().tests) == {"test_a.py::test_a"}
    project.record()
    project.replace("shop.py", "return str(a)", "return '2'")
    assert set(project.ask().tests) == {"test_a.py::test_a"}


def test_an_unused_function_that_goes_selects_nothing(project: Lab) -> None:
    project.record()
    project.replace("shop.py", "\n\ndef spare():\n    return 2\n", "")
    assert not project.ask().tests


def test_a_used_function_that_goes_selects_what_ran_or_names_it(project: Lab) -> None:
    append(project, '\n\ndef test_missing():\n    assert hasattr(shop, "spare")\n', "test_a.py")
    project.record()
    project.replace("shop.py", "def spare", "def spar")
    assert set(project.ask().tests) == {"test_a.py::test_a", "test_a.py::test_missing"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("test_b.py", '\nX = getattr(other, "fresh_one", None)\n'),
        ("test_b.py", '\nX = [getattr(other, f"fresh_{n}", None) for n in ()]\n'),
        ("test_b.py", '\nX = [getattr(other, "%s_one" % n, None) for n in ()]\n'),
        ("shop.py", "\nNAMES = sorted(globals())\n"),
        ("test_a.py", "\nNAMES = dir(shop)\n"),
        ("other.py", "\n\ndef names(module):\n    return vars(module)\n"),
        ("other.py", "\n\ndef names(module):\n    return list(module.__dict__)\n"),
        ("other.py", "\nfrom inspect import getmembers\n"),
        ("names.json", '["shop:fresh_one"]'),
        ("broken.py", "def (\n"),
    ],
)
def test_whoever_could_find_it_counts(project: Lab, path: str, text: str) -> None:
    append(project, text, path)
    project.record()
    append(project, FUNCTION)
    assert "test_a.py::test_a" in project.ask().tests


@pytest.mark.parametrize(
    "text",
    [
        "\n\n@staticmethod\ndef fresh(): pass\n",
        "\n\ndef fresh(a=print()): pass\n",
        "\n\ndef fresh(a: Unknown): pass\n",
        "\n\ndef fresh(a: sep | None): pass\n",
        "\n\ndef pytest_fresh(): pass\n",
        "\n\ndef __getattr__(name): pass\n",
        "\n\ndef sep(): pass\n",
        "\n\nfresh = lambda: 1\n",
        "\n\nclass Fresh:\n    def fresh(self): pass\n",
        "\n\nif True:\n    def fresh(): pass\n",
        "\n\ndef fresh():\n    '''>>> 1\n    2'''\n",
    ],
)
def test_a_function_that_does_more_than_wait_counts(project: Lab, text: str) -> None:
    project.record()
    append(project, text)
    assert "test_a.py::test_a" in project.ask().tests


def test_a_namespace_that_cannot_hold_it_does_not_count(project: Lab) -> None:
    append(
        project,
        """

class Box:
    def names(self):
        return vars(self), self.__dict__, dir(self), type(self).__dict__
""",
        "other.py",
    )
    append(project, "\nNAMES = globals(), vars(other)\n", "test_b.py")
    project.record()
    append(project, FUNCTION)
    assert not project.ask().tests


def test_words_are_of_code_strings_and_small_data() -> None:
    def has(name: str, source: bytes, path: str = "a.py") -> bool:
        return mentions(mentioned_words(path, source), keys_of(name))

    assert has("handle_new", b"handle_new()")
    assert has("handle_new", b"'a.b:handle_new'")
    assert has("handle_new", b"f'handle_{x}'")
    assert has("handle_new", b"'%s_new' % x")
    assert not has("handle_new", b"handle_newer(new, handle)")
    assert has("handle_new", b'{"call": "handle_new"}', "a.json")
    assert not has("handle_new", b"handle_new" + b" " * 70_000, "a.json")
    assert fingerprint("a.py", b"def f(: handle_new").reflects == "any"
