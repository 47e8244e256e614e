"""Probes in the files whose assertions pytest rewrites: the rewriter works first, on the same syntax tree.

pytest keeps rewritten files in its own cache; nothing of ours gets there. Where a pytest has not the
functions that this needs, its files stay without probes, and a test depends on the whole of them.
"""

from __future__ import annotations

import ast
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enctest.selection.hook import Importer, Load


MODULE = "_pytest.assertion.rewrite"
PARTS: tuple[str, ...] = ("_read_pyc", "_rewrite_test", "rewrite_asserts")
"""What this needs of pytest's private module `MODULE`."""


class _Current(threading.local):
    """The file that this thread's rewriting hook executes now."""

    load: Load | None = None
    config: Any = None


_current = _Current()


def install(importer: Importer) -> None:
    """Hook pytest's rewriter, if pytest is imported and has the parts."""
    rewrite = sys.modules.get(MODULE)
    hook: Any = getattr(rewrite, "AssertionRewritingHook", None)
    if rewrite is None or not hasattr(hook, "exec_module"):
        return
    complete = all(hasattr(rewrite, name) for name in PARTS)
    replacement = _exec_module(importer, hook.exec_module, str(rewrite.__file__), complete=complete)
    importer.exchange(hook, "exec_module", replacement)
    if complete:
        importer.exchange(rewrite, "_read_pyc", _read_pyc(importer, rewrite, rewrite._read_pyc))  # noqa: SLF001 - checked above


def _exec_module(
    importer: Importer, original: Callable[[Any, ModuleType], None], file: str, *, complete: bool
) -> object:
    from enctest.selection.hook import Load

    def exec_module(self: Any, module: ModuleType) -> None:
        __tracebackhide__ = True
        origin = str(module.__spec__.origin) if module.__spec__ is not None else ""
        load = Load(importer, module, origin, importer.begin(origin))
        if not complete:
            load.lookup("", plain=True)
            load.begin()
        before = _current.load, _current.config
        _current.load, _current.config = load, self.config
        try:
            original(self, module)
        finally:
            _current.load, _current.config = before
            load.end()

    exec_module.__code__ = exec_module.__code__.replace(co_filename=file)  # pytest leaves its own files out
    return exec_module


def _read_pyc(importer: Importer, rewrite: Any, original: Callable[..., CodeType | None]) -> object:
    def read(source: Path, pyc: Path, *rest: object) -> CodeType | None:
        load, config = _current.load, _current.config
        _current.load = None  # what the module imports is another matter
        if load is None or not load.ours:
            return original(source, pyc, *rest)
        importer.listener.guard(lambda: load.lookup(_variant(rewrite, config)))
        if load.code is None:
            plain = original(source, pyc, *rest)
            importer.listener.guard(lambda: _compile(rewrite, load, source, config, quiet=plain is not None))
            load.fall_back(plain)
        if load.code is not None:
            load.begin()
        return load.code

    return read


def _compile(rewrite: Any, load: Load, source: Path, config: Any, *, quiet: bool) -> None:
    """Compile as pytest would, with its warnings unless it had the file in its cache."""

    def change(tree: ast.Module) -> None:
        rewrite.rewrite_asserts(tree, load.source(), str(source), config)

    if not quiet:
        load.code = load.probed(_variant(rewrite, config), change)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load.code = load.probed(_variant(rewrite, config), change)


def _variant(rewrite: Any, config: Any) -> str:
    """Say what, besides the source, decides about the rewritten code."""
    hook = bool(config.getini("enable_assertion_pass_hook"))
    return f"pytest {rewrite.version} {hook}"
