"""Keeping out of a debugger's way.

pydevd (VS Code, PyCharm) follows the threads and processes that a program starts. Ours are no business of its
user's: it would hold them at their start, show them, and end them with the program.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subprocess import Popen

_PYDEVD = "_pydev_bundle.pydev_monkey"
"""The module of pydevd that follows."""
_FOLLOWED = (("subprocess", "_fork_exec"), ("_posixsubprocess", "fork_exec"), ("os", "posix_spawn"))
"""Functions that it stands before; PyCharm's keeps them as `original_` and the name."""
_putting_back = threading.Lock()


def start_process(command: Sequence[str], **options: Any) -> Popen[bytes]:
    """Start a process of ours, as `subprocess.Popen` does, without a debugger in it."""
    import subprocess

    follows = sys.modules.get(_PYDEVD)
    leave_out = getattr(follows, "skip_subprocess_arg_patch", nullcontext if follows is None else _originals)
    with leave_out():
        return subprocess.Popen(command, **options)


@contextmanager
def _originals() -> Iterator[None]:
    """Put back what PyCharm's pydevd has patched: it has no way to leave out one process."""
    with _putting_back:
        patched = [
            (module, name, getattr(module, name))
            for module, name in ((sys.modules.get(module), name) for module, name in _FOLLOWED)
            if hasattr(module, f"original_{name}")
        ]
        try:
            for module, name, _ in patched:
                setattr(module, name, getattr(module, f"original_{name}"))
            yield
        finally:
            for module, name, function in patched:
                setattr(module, name, function)


def start_thread(function: Callable[[], None]) -> None:
    """Start a bare thread that goes on while a debugger holds all others."""
    start: Any = getattr(_thread, "_original_start_new_thread", _thread.start_new_thread)
    start(function, ())
