from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from enctest.selection.boundary import Boundary
from enctest.selection.callers import Asker, Callers


@pytest.mark.parametrize(
    ("modules", "own", "library"),
    [
        (["project"], False, ""),
        (["library.part"], False, "library"),
        (["project", "library"], False, "library"),
        (["_pytest.runner"], True, ""),
        (["project", "_pytest.monkeypatch"], True, ""),
        (["project", "enctest.tracing.hooks.processes"], False, ""),
        (["library", "enctest.tracing.hooks.processes"], False, "library"),
        (["_pytest.runner", "enctest.tracing.hooks.processes"], True, ""),
    ],
)
def test_who_asks(tmp_path: Path, modules: list[str], *, own: bool, library: str) -> None:
    root = tmp_path / "root"
    callers = Callers(Boundary(root))
    call: partial[FrameType] = partial(sys._getframe, 0)
    for name in reversed(modules):
        folder = root if name == "project" else tmp_path / "installed"
        call = partial(function_of(name, folder / f"{name}.py"), call)
    assert callers.asker(call()) == Asker(own=own, library=library)
    assert callers.is_own(call()) is own


def function_of(module: str, file: Path) -> Any:
    """Return a function that stands in another module and calls its argument."""
    space: dict[str, Any] = {"__name__": module}
    exec(compile("def pass_on(call): return call()", file, "exec"), space)  # noqa: S102 - the text is here
    return space["pass_on"]
