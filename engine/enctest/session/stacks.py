"""Tells where a worker is when somebody asks, without stopping it.

The explorer sends a signal. `faulthandler` answers it from C, into a file, whatever the process is doing,
even if C code holds the interpreter. The thread that sends records sees that the file has grown, and adds
what only Python knows: names of threads, and the tasks of event loops.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from enctest.events import Stack, Stacked
from enctest.record import Record
from enctest.session.job import Job
from enctest.tracing.callsite import Frames

SIGNAL: Final = signal.SIGRTMIN + 11 if hasattr(signal, "SIGRTMIN") else 0
"""One that no test is likely to use; 0 where the system has no such signals."""
_LINE: Final = "  File "
_DEEPEST: Final = 200
_TASKS: Final = 200


def answer_file(folder: str, stream: int) -> str:
    """Return where the worker of a stream answers; it exists while the signal is heard."""
    return f"{folder}/stacks-{stream}"


class StackTeller:
    """A worker's ear for that question.

    Args:
        emit: Takes the answer.
    """

    def __init__(self, emit: Callable[[Record], None]) -> None:
        self._emit = emit
        self._descriptor = -1
        self._size = 0
        self._job: Job | None = None
        self._frames: Frames | None = None

    def take(self, job: Job) -> None:
        """Listen on behalf of a job."""
        self._job = job
        if not SIGNAL or not job.stacks:
            return
        path = answer_file(job.stacks, job.stream)
        with contextlib.suppress(OSError):  # no space, no folder: then nobody can ask
            descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            faulthandler.register(SIGNAL, descriptor, all_threads=True)
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor, self._size = descriptor, 0
            self._frames = Frames(job.root)
            Path(f"{path}.new").rename(path)  # only now may the signal come

    def look(self) -> None:
        """Answer if somebody has asked; called every few milliseconds, from a thread of its own."""
        if self._descriptor < 0:
            return
        size = os.fstat(self._descriptor).st_size
        if size == self._size or self._job is None or self._frames is None:
            return
        self._size = size
        stacks = tuple(all_stacks(self._frames))
        self._emit(Stacked(run=self._job.run, test="", stacks=stacks))


def all_stacks(frames: Frames) -> Iterator[Stack]:
    """Yield where all threads and tasks of this process are, main thread first, without the calling one."""
    known = threading._active.copy()  # type: ignore[attr-defined]  # noqa: SLF001 - `enumerate` takes a lock
    names = {ident: thread.name for ident, thread in known.items()}
    main = threading.main_thread().ident
    current = sys._current_frames()  # noqa: SLF001 - documented in spite of its name
    me = threading.get_ident()
    loops: list[asyncio.AbstractEventLoop] = []
    for ident, frame in sorted(current.items(), key=lambda each: each[0] != main):
        if ident == me:
            continue
        stack = list(_outwards(frame))
        loops += filter(None, map(_loop_of, stack))
        shown = tuple(_shown(frames, each.f_code, each.f_lineno) for each in reversed(stack))
        name = names.get(ident, "a thread without a name")
        yield Stack(kind="main" if ident == main else "thread", name=name, frames=shown)
    for task in _tasks(loops):
        yield _task_stack(frames, task)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    count = 0
    while frame is not None and count < _DEEPEST:
        yield frame
        frame, count = frame.f_back, count + 1


def _shown(frames: Frames, code: CodeType, line: int | None) -> str:
    return f"{frames.shown(code.co_filename)}:{line or code.co_firstlineno} {code.co_qualname}"


def _loop_of(frame: FrameType) -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in a frame, if one does."""
    if frame.f_code.co_name not in {"run_forever", "run", "run_until_complete"}:
        return None
    owner = frame.f_locals.get("self")
    loop = owner if isinstance(owner, asyncio.AbstractEventLoop) else getattr(owner, "_loop", None)
    return loop if isinstance(loop, asyncio.AbstractEventLoop) else None


def _tasks(loops: Iterable[asyncio.AbstractEventLoop]) -> list[asyncio.Task[Any]]:
    """Return the tasks of these loops, each once, that have not ended."""
    found: dict[int, asyncio.Task[Any]] = {}
    for loop in loops:
        with contextlib.suppress(RuntimeError):  # they come and go while we look
            found |= {id(task): task for task in asyncio.all_tasks(loop)}
    return sorted(found.values(), key=lambda task: task.get_name())[:_TASKS]


def _task_stack(frames: Frames, task: asyncio.Task[Any]) -> Stack:
    """Return where a task is: the coroutines that await each other, and what the last one awaits."""
    shown = []
    awaited: Any = task.get_coro()
    for _ in range(_DEEPEST):
        frame = _first(awaited, "cr_frame", "gi_frame", "ag_frame")
        if frame is None:
            break
        shown.append(_shown(frames, frame.f_code, frame.f_lineno))
        awaited = _first(awaited, "cr_await", "gi_yieldfrom", "ag_await")
    return Stack(kind="task", name=task.get_name(), frames=tuple(shown), waits=_kind(awaited))


def _first(value: Any, *names: str) -> Any:
    return next((found for name in names if (found := getattr(value, name, None)) is not None), None)


def _kind(awaited: Any) -> str:
    if awaited is None:
        return ""
    name = type(awaited).__name__
    return "a future" if name in {"FutureIter", "Future"} else name


def parse(text: str, frames: Frames) -> list[Stack]:
    """Return the stacks that `faulthandler` wrote; the thread that got the signal is the main one."""
    stacks: list[Stack] = []
    lines: list[str] = []
    for line in [*reversed(text.splitlines()), ""]:
        if line.startswith(_LINE):
            lines.append(_from_faulthandler(line, frames))
        elif "hread 0x" in line:
            kind, name = ("main", "MainThread") if line.startswith("Current") else ("thread", line.split()[1])
            stacks.append(Stack(kind="main" if kind == "main" else "thread", name=name, frames=tuple(lines)))
            lines = []
    return sorted(stacks, key=lambda stack: stack.kind != "main")


def _from_faulthandler(line: str, frames: Frames) -> str:
    """Turn `  File "/x/a.py", line 3 in f` into `a.py:3 f`."""
    path, _, rest = line[len(_LINE) :].strip().partition('", line ')
    number, _, function = rest.partition(" in ")
    return f"{frames.shown(path.strip(chr(34)))}:{number} {function}"
