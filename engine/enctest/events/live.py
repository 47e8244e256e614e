"""What a test that runs now is doing."""

from __future__ import annotations

from typing import Literal

import msgspec

from enctest.record import Event


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """Where one thread or task is.

    Attributes:
        kind: `main` is the thread that runs the tests.
        name: The thread's or task's name.
        frames: `file:line function`, outermost first; files of the project relative to the root.
        waits: What a task waits for, as far as that can be told.
    """

    kind: Literal["main", "thread", "task"]
    name: str
    frames: tuple[str, ...]
    waits: str = ""


class Stacked(Event, frozen=True, kw_only=True):
    """Answer to `FindStacks`, while the test goes on.

    Attributes:
        since: When the test began (seconds since the epoch); 0 when that is not known.
        worker, pid: The worker it runs in.
        is_held: No Python code of ours ran in the worker for a second: as a rule C code holds the
            interpreter. Tasks are not known then.
        problem: Why there are no stacks; empty when there are.
    """

    run: int
    test: str
    stacks: tuple[Stack, ...] = ()
    since: float = 0.0
    worker: int = 0
    pid: int = 0
    is_held: bool = False
    problem: str = ""
