"""Calls back when a module of interest has been imported, and imports none itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Callback = Callable[[ModuleType], None]
_MARK = "_enctest_watched"


class ImportWatcher(MetaPathFinder):
    """Finds nothing on its own: asks the other finders, and lets the loader call back once it is done.

    Args:
        callbacks: What to call, by full module name.
    """

    def __init__(self, callbacks: Mapping[str, Callback]) -> None:
        self._callbacks = dict(callbacks)
        self._busy = threading.local()

    def install(self) -> None:
        """Call back for what is imported already, then for what will be."""
        sys.meta_path.insert(0, self)
        for name, callback in self._callbacks.items():
            module = sys.modules.get(name)
            if module is not None and not _is_initializing(module):
                callback(module)

    def uninstall(self) -> None:
        """Stop watching."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders have for a watched module; None for all others."""
        callback = self._callbacks.get(fullname)
        if callback is None or getattr(self._busy, "on", False):
            return None
        self._busy.on = True
        try:
            spec = _search(self, fullname, path, target)
        finally:
            self._busy.on = False
        if spec is not None and spec.loader is not None:
            _call_after(spec.loader, fullname, callback)
        return spec


def _is_initializing(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _search(
    me: MetaPathFinder, fullname: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    for finder in list(sys.meta_path):
        find = getattr(finder, "find_spec", None)
        if finder is not me and find is not None:
            spec: ModuleSpec | None = find(fullname, path, target)
            if spec is not None:
                return spec
    return None


def _call_after(loader: Any, fullname: str, callback: Callback) -> None:
    """Make `loader` call back after it has executed the module, once, and be as before then."""
    execute = getattr(loader, "exec_module", None)
    own = getattr(loader, "__dict__", {"exec_module": None})
    if execute is None or ("exec_module" in own and not hasattr(own["exec_module"], _MARK)):
        return  # somebody else's is left alone; another watcher's is called by ours

    def exec_module(module: ModuleType) -> None:
        if module.__name__ != fullname:
            execute(module)
            return
        vars(loader).pop("exec_module", None)
        execute(module)
        callback(module)

    setattr(exec_module, _MARK, True)
    loader.exec_module = exec_module
