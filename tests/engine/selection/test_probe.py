"""Probes must not show: not in namespaces, tracebacks, line events or what code objects can do."""

from __future__ import annotations

import ast
import asyncio
import copy
import inspect
import pickle
import sys
import traceback
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from enctest.selection.bytecode import Bytecode
from enctest.selection.probe import Board, Layout, Section, attach, instrument

SOURCE = '''"""Module."""
from __future__ import annotations
from functools import lru_cache

def plain(x):
    """Doc."""
    return x + 1

def only_doc():
    """Doc."""

def fails():
    value = 1
    raise ValueError(
        value
    )

def generator():
    yield 1

async def coroutine():
    return 3

@lru_cache
def cached(n):
    if n:
        raise KeyError(n)
    return n

class C:
    def method(self):
        return [self.other(i) for i in range(2)]

    def other(self, i):
        return lambda: i

class Lazy:
    made = None

    def value(self, fail=False):
        if self.made is None:
            if fail:
                raise KeyError(fail)
            made = dict(a=1)
            self.made = made
        return self.made

def lazily(fail=0):
    return Lazy().value(fail)

def outer():
    count = 0
    def inner():
        nonlocal count
        count += 1
        return count
    return inner
'''


def load(source: str = SOURCE, name: str = "probed.py") -> tuple[dict[str, Any], Section]:
    tree = ast.parse(source)
    layout = instrument(tree)
    board = Board(b"\1\0\1")  # of other modules
    board.take()
    hits = Section(board, board.number(len(layout.names)), layout)
    namespace: dict[str, Any] = {"__name__": "probed"}
    exec(attach(compile(tree, name, "exec", dont_inherit=True), hits), namespace)  # noqa: S102 - the text is above
    return namespace, hits


def entered(hits: Section) -> set[str]:
    return {hits.layout.names[number - hits.first] for number in hits.board.take()}


def test_every_kind_of_function_is_seen_when_its_body_runs() -> None:
    space, hits = load()
    assert entered(hits) == set()
    assert space["plain"](1) == 2
    assert entered(hits) == {"plain"}
    space["only_doc"]()
    assert entered(hits) == {"only_doc"}
    generator = space["generator"]()
    assert entered(hits) == set()
    assert list(generator) == [1]
    assert entered(hits) == {"generator"}
    assert asyncio.run(space["coroutine"]()) == 3
    assert entered(hits) == {"coroutine"}
    assert space["cached"](0) == space["cached"](0) == 0
    assert entered(hits) == {"cached"}
    assert [f() for f in space["C"]().method()] == [0, 1]
    assert entered(hits) == {"C.method", "C.other"}
    assert space["lazily"]() == {"a": 1}
    assert entered(hits) == {"lazily", "Lazy.value"}
    inner = space["outer"]()
    assert (inner(), inner()) == (1, 2)
    assert entered(hits) == {"outer", "outer.inner"}


def test_namespace_signature_and_docstrings_stay() -> None:
    space, _ = load()
    plain: dict[str, Any] = {"__name__": "probed"}
    exec(compile(SOURCE, "probed.py", "exec", dont_inherit=True), plain)  # noqa: S102 - the text is above
    assert list(space) == list(plain)
    for name in ("plain", "only_doc", "generator", "coroutine", "outer"):
        ours, theirs = space[name], plain[name]
        assert ours.__doc__ == theirs.__doc__
        assert inspect.signature(ours) == inspect.signature(theirs)
        assert ours.__code__.co_firstlineno == theirs.__code__.co_firstlineno
        assert ours.__code__.co_flags == theirs.__code__.co_flags
        assert ours.__code__.co_varnames == theirs.__code__.co_varnames


def line_events(function: Any, *args: object) -> list[tuple[str, int]]:
    events: list[tuple[str, int]] = []

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename == "probed.py":
            events.append((event, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*args)
    except (ValueError, KeyError):
        pass
    finally:
        sys.settrace(before)
    return events


@pytest.mark.parametrize(("name", "args"), [("plain", (1,)), ("fails", ()), ("outer", ()), ("lazily", ())])
def test_tracing_sees_the_same_lines(name: str, args: tuple[object, ...]) -> None:
    space, _ = load()
    plain: dict[str, Any] = {"__name__": "probed"}
    exec(compile(SOURCE, "probed.py", "exec", dont_inherit=True), plain)  # noqa: S102 - the text is above
    assert line_events(space[name], *args) == line_events(plain[name], *args)


@pytest.mark.parametrize(("name", "args"), [("fails", ()), ("cached", (1,)), ("lazily", (1,))])
def test_tracebacks_stay(name: str, args: tuple[object, ...]) -> None:
    texts = []
    plain: dict[str, Any] = {"__name__": "probed"}
    exec(compile(SOURCE, "probed.py", "exec", dont_inherit=True), plain)  # noqa: S102 - the text is above
    for space in (plain, load()[0]):
        with pytest.raises((ValueError, KeyError)) as caught:
            space[name](*args)
        frames = traceback.extract_tb(caught.tb)[1:]
        texts.append([(f.lineno, f.end_lineno, f.colno, f.end_colno, f.name) for f in frames])
    assert texts[0] == texts[1]


def test_code_objects_can_be_hashed_compared_and_copied() -> None:
    space, hits = load()
    code = space["plain"].__code__
    assert {code: 1}[code.replace()] == 1
    assert code != load()[0]["plain"].__code__
    assert copy.copy(space["plain"]) is space["plain"]
    hits.left = lambda _hits, _index: None  # cannot be pickled
    restored = pickle.loads(pickle.dumps(hits))  # noqa: S301 - made here
    restored.enter(0)
    restored.leave(0)
    assert len(restored.board) == len(hits.board)
    assert entered(hits) == set()


def test_bytecode_is_found_by_content_alone(tmp_path: Path) -> None:
    tree = ast.parse("def f(): return 1")
    layout = instrument(tree)
    code = compile(tree, "/x/a.py", "exec")
    cache = Bytecode(tmp_path)
    cache.keep("/x/a.py", "", b"digest", code, layout)
    found = cache.load("/x/a.py", "", b"digest")
    assert found is not None
    assert isinstance(found[0], CodeType)
    assert isinstance(found[1], Layout)
    assert found[1] == layout
    assert cache.load("/x/a.py", "", b"other") is None
    assert cache.load("/x/a.py", "pytest", b"digest") is None
    assert cache.load("/y/a.py", "", b"digest") is None
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    kept.write_bytes(kept.read_bytes()[:-9])
    assert cache.load("/x/a.py", "", b"digest") is None
