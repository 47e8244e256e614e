"""Where a running test is, as lines of text: the innermost call first, libraries in short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from enctest.events import Stack, Stacked
from enctest_tui.text import clean, plural

Line = list[tuple[str, str]]

_FOREIGN = 2
"""Calls of libraries in a row that are shown each."""


def describe_stacks(answer: Stacked | None) -> list[Line]:
    """Return the lines for an answer; without one, that it is awaited."""
    if answer is None:
        return [[("asking…", "dim")]]
    if answer.problem:
        return [[(answer.problem, "dim")]]
    held = "C code holds the interpreter, it seems: tasks cannot be told"
    lines: list[Line] = [[(held, "warn")], []] if answer.is_held else []
    for stack in answer.stacks:
        lines += [*_stack_lines(stack), []]
    return lines


def _stack_lines(stack: Stack) -> Iterator[Line]:
    kind = "thread" if stack.kind == "main" else stack.kind
    waits = f"  waits for {stack.waits}" if stack.waits else ""
    yield [(f"{kind} {clean(stack.name)}", "accent"), (waits, "dim")]
    for own, run in groupby(reversed(stack.frames), _is_own):
        yield from _frame_lines(list(run), own=own)


def _frame_lines(frames: Sequence[str], *, own: bool) -> Iterator[Line]:
    shown = frames if own or len(frames) <= _FOREIGN + 1 else frames[:_FOREIGN]
    for frame in shown:
        place, _, function = clean(frame).partition(" ")
        yield [
            ("  ", "plain"),
            (function, "strong" if own else "dim"),
            (f"  {place}", "dim" if own else "faint"),
        ]
    if len(shown) < len(frames):
        yield [(f"  … {plural(len(frames) - len(shown), 'call')} of libraries", "faint")]


def _is_own(frame: str) -> bool:
    """Tell whether a call is in a file of the project: those are relative."""
    return not frame.startswith(("/", "<"))
