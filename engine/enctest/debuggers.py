"""Keeping out of a debugger's way.

pydevd (VS Code, PyCharm) follows the threads and processes that a program starts. Ours are no business of its
user's: it would hold them at their start, show them, and end them with the program.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subprocess import Popen

_PYDEVD = "_pydev_bundle.pydev_monkey"
"""The module of pydevd that follows."""


def start_process(command: Sequence[str], **options: Any) -> Popen[bytes]:
    """Start a process of ours, as `subprocess.Popen` does, without a debugger in it."""
    import subprocess

    skip = getattr(sys.modules.get(_PYDEVD), "skip_subprocess_arg_patch", nullcontext)
    with skip():
        return subprocess.Popen(command, **options)


def start_thread(function: Callable[[], None]) -> None:
    """Start a bare thread that goes on while a debugger holds all others."""
    start: Any = getattr(_thread, "_original_start_new_thread", _thread.start_new_thread)
    start(function, ())
