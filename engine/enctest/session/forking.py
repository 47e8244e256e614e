"""Copies of a running pytest process: what a child has to make its own, and how it ends."""

from __future__ import annotations

import atexit
import ctypes
import inspect
import os
import signal
import sys
import tempfile
import threading
import traceback
import warnings
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import pytest

OUTPUTS = (1, 2)
"""Descriptors that pytest captures."""
_CHUNK = 2**18
_PR_SET_PDEATHSIG = 1


def obstacle() -> str:
    """Say why this process cannot be copied now; empty when it can."""
    if not hasattr(os, "fork"):
        return "this system cannot copy processes"
    others = [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]
    return f"a thread was started while tests were collected ({others[0]})" if others else ""


def fork() -> int:
    """Copy this process; returns 0 in the copy. Output that is still in buffers is written once, before."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads of native libraries, which look after themselves
        return os.fork()


def become_child() -> None:
    """Drop what belongs to the parent: its handlers at exit, signal wake-ups, the terminal's input."""
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]  # noqa: SLF001
        finalizer.atexit = False
    atexit._clear()  # noqa: SLF001 - what was registered by now is the parent's to do
    atexit.register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]  # noqa: SLF001
    signal.set_wakeup_fd(-1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def die_with_parent(parent: int) -> None:
    """Let this copy be killed when its parent is (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Take `die_with_parent` back."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 0)


def know_modules() -> None:
    """Let `inspect` learn all modules' files now, as it does at a first failure: once for all copies."""
    inspect.getmodule(compile("", "<enctest>", "exec"))


def end_child(code: int) -> NoReturn:
    """End a copy: what it registered itself runs, what its parent will do does not."""
    try:
        atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except Exception:  # noqa: BLE001 - as at any exit of Python: told, and the process ends
        traceback.print_exc()
    os._exit(code)


def nameless_file(name: str = "output") -> int:
    """Return a descriptor of an empty file in no folder; `name` is for who looks at the process."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def reopen_captures(config: pytest.Config, files: Mapping[int, int] | None = None) -> None:
    """Give this copy capture files of its own: the old ones share their position with the parent's.

    All descriptors keep their numbers, and what was captured by now is there.

    Args:
        config: Of the session, whose global capture is meant.
        files: An empty file by captured descriptor (1, 2), where the parent wants to read what a copy that
            died had written; they are not closed here.
    """
    for capture in _captures(config):
        old = capture.tmpfile.fileno()
        given = (files or {}).get(capture.targetfd)
        new = nameless_file() if given is None else given
        active = os.path.samestat(os.fstat(old), os.fstat(capture.targetfd))
        _copy(old, new)
        os.dup2(new, old, inheritable=False)
        if active:
            os.dup2(new, capture.targetfd)
        if given is None:
            os.close(new)


def _captures(config: pytest.Config) -> Iterator[Any]:
    capturing = getattr(config.pluginmanager.getplugin("capturemanager"), "_global_capturing", None)
    for capture in (getattr(capturing, "out", None), getattr(capturing, "err", None)):
        if hasattr(capture, "targetfd"):
            yield capture


def _copy(source: int, target: int) -> None:
    """Copy content and position; the source's position, which the parent shares, is not touched."""
    offset = 0
    while data := os.pread(source, _CHUNK, offset):
        offset += os.write(target, data)
    os.lseek(target, os.lseek(source, 0, os.SEEK_CUR), os.SEEK_SET)
