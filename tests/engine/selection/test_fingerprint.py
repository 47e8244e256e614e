from __future__ import annotations

import ast

import pytest

from enctest.selection.fingerprint import Fingerprint, fingerprint
from enctest.selection.names import functions, imported_names


def of(source: str, path: str = "a.py") -> Fingerprint:
    return fingerprint(path, source.encode())


def changed(old: str, new: str, path: str = "a.py") -> set[str]:
    """Return the blocks that differ, `level` if that does, heads as `name()` and defaults as `name(=)`."""
    one, two = of(old, path), of(new, path)
    names = {n for n in {**one.blocks, **two.blocks} if one.blocks.get(n) != two.blocks.get(n)}
    heads = {f"{n}()" for n in {**one.heads, **two.heads} if one.heads.get(n) != two.heads.get(n)}
    heads |= {
        f"{n}(=)" for n in {**one.defaults, **two.defaults} if one.defaults.get(n) != two.defaults.get(n)
    }
    return names | heads | ({"level"} if one.level != two.level else set())


def test_names_are_qualified_and_numbered() -> None:
    source = """
def f(): pass
class C:
    def f(self):
        def g(): pass
    def f(self): pass
if True:
    async def f(): pass
try:
    pass
except E:
    def h(): pass
match x:
    case 1:
        def k(): pass
"""
    names = [name for name, _ in functions(ast.parse(source))]
    assert names == ["f", "C.f", "C.f.g", "C.f#2", "f#2", "h", "k"]
    assert list(of(source).blocks) == names


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("def f(): return 1", "def f(): return 2", {"f"}),
        ("def f(): return 1", "def f(): return True", {"f"}),
        ("def f(): return 1", "def f():\n\n  # why\n  return (1)", set()),
        ("def f(a): pass", "def f(b): pass", {"f()"}),
        ("def f(a=1): pass", "def f(a=2): pass", {"f", "f(=)"}),
        ("def f(a, *, b=-1): pass", "def f(a, *, b=[1, {2: (3, {4})}]): pass", {"f", "f(=)"}),
        ("def f(a, *, b=1): pass", "def f(a, *, b): pass", {"f", "f()", "f(=)"}),
        ("def f(a=1): pass", "def f(a={[]: 1}): pass", {"f", "f()", "f(=)", "level"}),
        ("def f(a=1): pass", "def f(a=-''): pass", {"f", "f()", "f(=)", "level"}),
        ("x = 1\ndef f(a=1): pass", "x = 1\ndef f(a=x): pass", {"f", "f()", "f(=)"}),
        ("@d\ndef f(a=1): pass", "@d\ndef f(a=2): pass", {"f", "f(=)"}),
        ("class C:\n def f(self, a=1): pass", "class C:\n def f(self, a=2): pass", {"C.f", "C.f(=)"}),
        ("def f():\n def g(a=1): pass", "def f():\n def g(a=2): pass", {"f.g", "f.g(=)"}),
        ("def f(): return lambda a=1: a", "def f(): return lambda a=2: a", {"f"}),
        ("x = lambda a=1: a", "x = lambda a=2: a", {"level"}),
        ("def f(a=g()): pass", "def f(a=h()): pass", {"level"}),
        ("def f() -> int: pass", "def f() -> str: pass", {"f()"}),
        ("def f() -> A: pass", "def f() -> B: pass", {"level"}),
        ("def f(): pass", "@d\ndef f(): pass", {"f()", "level"}),
        ("def f(): pass", "async def f(): pass", {"f()"}),
        ("def f(): yield 1", "def f(): return 1", {"f", "f()"}),
        ("def f(): pass\nx = 1", "x = 1\ndef f(): pass", {"f()"}),
        ("def f(): pass\ndef g(): pass", "def g(): pass\ndef f(): pass", set()),
        ("class C:\n def f(self): pass", "class C:\n def f(me): pass", {"level"}),
        ("def f(): return lambda: 1", "def f(): return lambda: 2", {"f"}),
        ("def f():\n def g(): return 1", "def f():\n def g(): return 2", {"f.g"}),
        ("def f():\n def g(a): pass", "def f():\n def g(b): pass", {"f"}),
        ("class C:\n a = 1", "class C:\n a = 2", {"level"}),
        ("class C:\n def f(self): return 1", "class C:\n def f(self): return 2", {"C.f"}),
        ("x = lambda: 1", "x = lambda: 2", {"level"}),
        ("x = 'a'", "x = u'a'", set()),
        ("x = 'a'", "x = b'a'", {"level"}),
    ],
)
def test_what_changes(old: str, new: str, expected: set[str]) -> None:
    assert changed(old, new) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("def f():\n '{}'\n return 1", {"f"}),
        ("@d\ndef f():\n '{}'\n return 1", {"level"}),
        ("class C:\n '{}'", {"level"}),
        ("'{}'", {"level"}),
        ("def f():\n '{} >>> f()'\n return 1", {"level"}),
    ],
    ids=["function", "decorated", "class", "module", "doctest"],
)
def test_docstrings(template: str, expected: set[str]) -> None:
    assert changed(template.format("one"), template.format("two")) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("def test_a(): pass", "def test_a(x): pass", {"test_a"}),
        ("def test_a(x=1): pass", "def test_a(x=2): pass", {"test_a", "test_a(=)"}),
        ("def test_a(): pass", "@pytest.mark.skip\ndef test_a(): pass", {"test_a"}),
        ("def test_a(): pass", "@pytest.fixture\ndef test_a(): pass", {"test_a", "level"}),
        ("def test_a(): pass", "def test_a(): pass\ndef test_b(): pass", {"test_b"}),
        ("def test_a(): pass", "def test_a(): pass\ndef helper(): pass", {"helper", "level"}),
        ("class TestA:\n x = 1", "class TestA:\n x = 1\n def test_b(self): pass", {"TestA.test_b"}),
    ],
)
def test_tests_are_blocks_of_their_own_in_test_modules(old: str, new: str, expected: set[str]) -> None:
    assert changed(old, new, "tests/test_x.py") == expected


@pytest.mark.parametrize("source", [b"def f(:", b"\xff\xfe", b"x = 1\0", b"(" * 500 + b")" * 500])
def test_what_cannot_be_parsed_counts_as_a_whole(source: bytes) -> None:
    found = fingerprint("a.py", source)
    assert found.level == found.digest
    assert not found.blocks


def test_encodings_are_understood() -> None:
    source = "# coding: latin-1\ndef f(): return 'é'".encode("latin-1")
    assert list(fingerprint("a.py", source).blocks) == ["f"]


def test_imported_names() -> None:
    source = """
import a.b
from c import d, e as f
from . import g
from ..h import i
if TYPE_CHECKING:
    import never
else:
    import otherwise
def later():
    try:
        from j import *
    except ImportError:
        import k
"""
    assert imported_names(ast.parse(source)) == [
        *(".", "..h", "..h.i", ".g", "a.b", "c", "c.d", "c.e", "j", "k", "otherwise")
    ]


@pytest.mark.parametrize(
    "body",
    ["x is 0", "x is not 'a'", "assert (x, 'always true')", "'text'(x)", "[1]['a']", "'\\d'"],
)
def test_a_warning_that_a_body_gives_when_compiled_belongs_to_the_module_level(body: str) -> None:
    quiet = fingerprint("a.py", b"def f(x):\n    x is None\n")
    warned = fingerprint("a.py", f"def f(x):\n    {body}\n".encode())
    assert warned.level != quiet.level


def test_a_body_that_gives_no_warning_leaves_the_module_level_alone() -> None:
    quiet = fingerprint("a.py", b"def f(x):\n    x is None\n")
    other = fingerprint("a.py", b"def f(x):\n    x == 0 or x[0]('a') is True\n    assert x, 'a'\n")
    assert other.level == quiet.level
