"""Importing third-party modules ahead, in the host, and leaving out those that must not be."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from enctest.session.hazards import connections

_FOREIGN = ("site-packages", "dist-packages")


def preload(names: Sequence[str], never: Iterable[str], sets: Iterable[str] = ()) -> Preloaded:
    """Import modules in order, all but those in `never`, and find out which must not be imported ahead.

    Args:
        names: The modules.
        never: Prefixes of names of modules whose assertions pytest rewrites.
        sets: Environment variables that the project sets itself: who reads one of them now is too early.
    """
    refused = tuple(never)
    result = Preloaded()
    silent = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
        _Reads() as reads,
    ):
        warnings.simplefilter("ignore")
        for name in names:
            if name in sys.modules:
                continue
            if name.startswith(refused):
                result.left_out[name] = "pytest rewrites its assertions"
                continue
            reads.names.clear()
            before = _State()
            if failure := _import(name):
                result.left_out[name] = failure
            elif early := sorted(reads.names & set(sets)):
                result.unsafe[name] = f"reads ${early[0]}, which the project sets"
            elif hazard := _State().differs(before):
                result.unsafe[name] = hazard
            for variable in reads.names:
                result.reads.setdefault(variable, name)
    return result


@dataclass
class Preloaded:
    """What came of importing ahead.

    Attributes:
        left_out: Modules that were not imported, with the reason.
        unsafe: Modules that were, and must not be in the next host, with the reason.
        reads: Environment variables that were read meanwhile, each with the module that read it first.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    unsafe: dict[str, str] = field(default_factory=dict)
    reads: dict[str, str] = field(default_factory=dict)


class _Reads:
    """Notes which environment variables are read, while it is entered."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __enter__(self) -> Self:
        kind: Any = type(os.environ)
        self._get = original = kind.__getitem__
        names = self.names

        def get(environ: object, key: str) -> object:
            if isinstance(key, str):
                names.add(key)
            return original(environ, key)

        kind.__getitem__ = get
        return self

    def __exit__(self, *_: object) -> None:
        kind: Any = type(os.environ)
        kind.__getitem__ = self._get


class _State:
    """What importing a module should leave as it was."""

    def __init__(self) -> None:
        self._threads = threading.active_count()
        self._environment = dict(os.environ)
        self._connections = connections()

    def differs(self, before: _State) -> str:
        if self._threads > before._threads:
            return "starts a thread"
        if self._environment != before._environment:
            return "changes the environment"
        opened = self._connections - before._connections
        return f"opens a connection ({min(opened)})" if opened else ""


def _import(name: str) -> str:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code, and the reason is returned
        return f"{type(error).__name__}: {error}"
    return ""


def imported_third_party(before: Iterable[str], root: Path) -> list[str]:
    """Return the modules outside the project that came after `before`, in import order."""
    known = set(before)
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in known and _is_third_party(getattr(module, "__spec__", None), root)
    ]


def project_files(root: Path) -> list[str]:
    """Return the files of modules that belong to the project and are imported now."""
    files = []
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and not is_foreign(path, root):
            files.append(path)
    return files


def is_foreign(path: str, root: Path) -> bool:
    """Tell whether a module's file is not the project's own."""
    parts = Path(path).parts
    return not Path(path).is_relative_to(root) or any(part in _FOREIGN for part in parts) or ".venv" in parts


def _is_third_party(spec: object, root: Path) -> bool:
    origin = getattr(spec, "origin", None)
    name = getattr(spec, "name", "")
    if name.startswith(("__", "enctest", "_pytest", "conftest")):
        return False
    if origin in ("built-in", "frozen"):
        return True
    return isinstance(origin, str) and is_foreign(origin, root)
