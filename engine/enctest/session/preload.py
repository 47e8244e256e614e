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
from pathlib import Path

_FOREIGN = ("site-packages", "dist-packages")


def preload(names: Sequence[str], never: Iterable[str]) -> dict[str, str]:
    """Import modules in order; return those that were left out, with the reason.

    A module that started a thread stays imported here but is named, so that the next host leaves it out:
    its thread does not survive a fork.
    """
    refused = tuple(never)
    left_out: dict[str, str] = {}
    silent = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        warnings.simplefilter("ignore")
        for name in names:
            if name in sys.modules:
                continue
            if name.startswith(refused):
                left_out[name] = "pytest rewrites its assertions"
                continue
            reason = _import(name)
            if reason:
                left_out[name] = reason
    return left_out


def _import(name: str) -> str:
    threads = threading.active_count()
    environment = dict(os.environ)
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code, and the reason is returned
        return f"{type(error).__name__}: {error}"
    if threading.active_count() > threads:
        return "starts a thread"
    if dict(os.environ) != environment:
        return "changes the environment"
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
