"""What makes a process unfit to be suspended and forked: whatever two processes cannot both have.

A fork has no threads but the one that forks; it shares connections with its parent; what it does at exit
(removing a folder, say) it does to its parent and to its siblings as well.
"""

from __future__ import annotations

import atexit
import os
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_DESCRIPTORS = Path("/proc/self/fd")
_TASKS = Path("/proc/self/task")
_KINDS = ("socket:", "pipe:", "anon_inode:")


class Hazards:
    """Watches what project code does on the way to a snapshot.

    Args:
        is_project: Tells whether a file (absolute path) is the project's own.
    """

    def __init__(self, is_project: Callable[[str], bool]) -> None:
        self.seeded = False
        self._is_project = is_project
        self._at_exit = ""
        self._undo: list[Callable[[], None]] = []
        self._connections: frozenset[str] = frozenset()

    def install(self) -> None:
        """Begin to watch: what exists now is no hazard."""
        self.accept()
        self._exchange(atexit, "register", self._registering(atexit.register))
        self._exchange(random, "seed", self._seeding(random.seed))

    def accept(self) -> None:
        """Take the connections that are open now for harmless."""
        self._connections = connections()

    def uninstall(self) -> None:
        """Put `atexit.register` and `random.seed` back."""
        while self._undo:
            self._undo.pop()()

    def reason(self) -> str:
        """Return why this process must not be suspended; empty when it may."""
        if threading.active_count() > 1 or _count(_TASKS) > 1:
            names = [thread.name for thread in threading.enumerate()[1:]]
            return f"a thread runs ({', '.join(names) or 'not one of Python'})"
        if self._at_exit:
            return self._at_exit
        if _children():
            return "a process was started"
        opened = connections() - self._connections
        if opened:
            return f"a connection is open ({min(opened)})"
        return _temporary_folder()

    def _registering(self, register: Callable[..., Any]) -> Callable[..., Any]:
        def registering(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Callable[..., Any]:
            caller = sys._getframe(1).f_code  # noqa: SLF001 - the only way to know who asks
            if self._is_project(caller.co_filename):
                self._at_exit = f"{Path(caller.co_filename).name} does something at exit"
            return register(func, *args, **kwargs)  # type: ignore[no-any-return]

        return registering

    def _seeding(self, seed: Callable[..., None]) -> Callable[..., None]:
        def seeding(*args: Any, **kwargs: Any) -> None:
            self.seeded = True
            seed(*args, **kwargs)

        return seeding

    def _exchange(self, module: Any, name: str, value: object) -> None:
        before = getattr(module, name)
        setattr(module, name, value)
        self._undo.append(lambda: setattr(module, name, before))


def _count(folder: Path) -> int:
    try:
        return len(os.listdir(folder))  # noqa: PTH208 - no Path per entry
    except OSError:
        return 0


def _children() -> bool:
    try:
        return any((task / "children").read_text() for task in _TASKS.iterdir())
    except OSError:
        return False


def connections() -> frozenset[str]:
    """Return what descriptors that are no plain files lead to, as the system calls it."""
    found = set()
    try:
        entries = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - no Path per entry
    except OSError:
        return frozenset()
    for entry in entries:
        try:
            target = os.readlink(_DESCRIPTORS / entry)  # noqa: PTH115 - no Path of what is no path
        except OSError:  # the descriptor of the listing itself
            continue
        if target.startswith(_KINDS):
            found.add(target)
    return frozenset(found)


def _temporary_folder() -> str:
    """Tell of a `tempfile.TemporaryDirectory` that lives: the first child that ends would remove it."""
    module = sys.modules.get("weakref")
    registry = getattr(getattr(module, "finalize", None), "_registry", {})
    for finalizer, info in list(registry.items()):
        name = getattr(info.func, "__qualname__", "")
        if finalizer.atexit and name == "TemporaryDirectory._cleanup":
            return "a temporary folder is removed at exit"
    return ""
