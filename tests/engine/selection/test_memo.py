"""A value that is kept needs what made it, for as long as what it is kept on lives."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from enctest.selection.keepers import keeping

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

LAZY = """
    if self._value is None:
        self._value = make()
    return self._value
"""
MISSING = """
    if not hasattr(self, "_value"):
        self._value = make()
    return self._value
"""
TRYING = """
    try:
        return self._value
    except AttributeError:
        self._value = make()
        return self._value
"""
BY_KEY = """
    if key not in self._values:
        self._values[key] = make()
    return self._values[key]
"""
BY_NAME = """
    values = self._values
    value = values.get(key)
    if value is None:
        value = values[key] = make()
    return value
"""


def found(body: str, head: str = "def f(self, key):") -> str:
    (function,) = ast.parse(f"{head}\n    {body.strip()}\n").body
    assert isinstance(function, ast.FunctionDef)
    keeps = keeping(function)
    return "" if keeps is None else keeps.argument


@pytest.mark.parametrize(
    "body",
    [
        *(LAZY, MISSING, TRYING, BY_KEY, BY_NAME),
        "self._value = self._value or make()\n    return self._value",
        "if 'x' not in vars(self):\n        setattr(self, 'x', make())",
        "object.__setattr__(self, 'x', make())",
    ],
)
def test_memos_are_found(body: str) -> None:
    assert found(body) == "self"
    assert not found(body, "def __init__(self, key):")
    assert not found(body, "def test_f(self, key):")


def test_memos_on_other_arguments_are_found() -> None:
    body = "if getattr(request, '_user', None) is None:\n        request._user = make()"
    assert found(body, "def user(request):") == "request"
    body = "if self.name not in item.__dict__:\n        item.__dict__[self.name] = make()"
    assert found(body, "def __get__(self, item, owner):") == "item"


@pytest.mark.parametrize(
    "body",
    [
        "self.value = make()",
        "if self.place >= 3:\n        return\n    self.place = self.place + 1",
        "if other.value:\n        self.value = 1",
        "return self._value",
        "if self.value is None:\n        self.value = key",
        "if self.value is None:\n        self.value = 1",
        "return self._values.setdefault(key, make())",  # made at every call
    ],
)
def test_what_only_stores_is_no_memo(body: str) -> None:
    assert not found(body)


def test_decorators_say_where_they_keep() -> None:
    assert found("return 1", "@cached_property\ndef f(self):") == "self"
    assert found("return 1", "@functools.cached_property\ndef f(self):") == "self"
    assert not found("return 1", "@lru_cache\ndef f(self):")
    assert not found("return 1", "@property\ndef f(self):")


CODED = """
    from functools import cached_property


    def make():
        return 1


    def make_property():
        return 1


    class Box:
        _value = None

        def value(self):
            if self._value is None:
                self._value = make()
            return self._value

        @cached_property
        def prop(self):
            return make_property()


    BOX = Box()
"""


def chosen(lab: Lab, name: str) -> set[str]:
    lab.replace("coded.py", f"def {name}():\n    return 1", f"def {name}():\n    return 2")
    return {test.rpartition("::")[2] for test in lab.ask().tests}


@pytest.mark.parametrize(("name", "use"), [("make", "value()"), ("make_property", "prop")])
def test_what_is_kept_on_a_shared_object_is_needed_by_all(lab: Lab, name: str, use: str) -> None:
    lab.write("coded.py", CODED)
    text = "".join(f"\n\ndef test_{n}():\n    assert coded.BOX.{use} == 1\n" for n in "ab")
    lab.write("test_a.py", "import coded\n" + text)
    lab.record()
    assert chosen(lab, name) == {"test_a", "test_b"}


@pytest.mark.parametrize(("name", "use"), [("make", "value()"), ("make_property", "prop")])
def test_what_is_kept_on_a_tests_own_object_is_its_own(lab: Lab, name: str, use: str) -> None:
    lab.write("coded.py", CODED)
    lab.write(
        "test_a.py",
        f"""
        import coded

        def test_a():
            assert coded.Box().{use} == 1

        def test_b():
            assert coded.BOX._value is None

        def test_many():
            for _ in range(300):
                assert coded.Box().{use} == 1
        """,
    )
    lab.record()
    assert chosen(lab, name) == {"test_a", "test_many"}


def test_what_is_kept_on_a_tests_own_object_in_a_cycle_is_its_own(lab: Lab) -> None:
    lab.write("coded.py", CODED)
    lab.write(
        "test_a.py",
        """
        import gc
        import coded

        gc.disable()

        def test_a():
            box = coded.Box()
            box.itself = box
            assert box.value() == 1

        def test_b():
            assert coded.BOX._value is None
        """,
    )
    lab.record()
    assert chosen(lab, "make") == {"test_a"}


def test_an_object_after_many_others_is_not_missed(lab: Lab) -> None:
    lab.write("coded.py", CODED)
    lab.write(
        "test_a.py",
        """
        import coded

        def test_a():
            for _ in range(300):
                coded.Box().value()
            assert coded.BOX.value() == 1

        def test_b():
            assert coded.BOX.value() == 1
        """,
    )
    lab.record()
    assert chosen(lab, "make") == {"test_a", "test_b"}


def test_what_a_coroutine_keeps_is_needed_by_all(lab: Lab) -> None:
    lab.write(
        "coded.py",
        """
        import asyncio

        _value = None

        def make():
            return 1

        def make_other():
            return 1

        async def value():
            global _value
            if _value is None:
                await asyncio.sleep(0)
                _value = make()
            return _value

        class Box:
            _value = None

            async def value(self):
                if self._value is None:
                    await asyncio.sleep(0)
                    self._value = make_other()
                return self._value

        BOX = Box()
        """,
    )
    lab.write(
        "test_a.py",
        """
        import asyncio
        import coded

        async def both():
            return await asyncio.gather(coded.value(), coded.BOX.value())

        def test_a():
            assert asyncio.run(both()) == [1, 1]

        def test_b():
            assert asyncio.run(both()) == [1, 1]

        def test_c():
            coroutine = coded.value()
            coroutine.close()
        """,
    )
    lab.record()
    assert {"test_a", "test_b"} <= chosen(lab, "make")
    lab.take()
    assert {"test_a", "test_b"} <= chosen(lab, "make_other")
