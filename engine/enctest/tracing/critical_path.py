"""The spans that decided how long a test took: shorten one of them, and the test is shorter.

From the end backwards: the time after the last child belongs to the span itself, then that child's to the
child, and so on; of children side by side the one that ended last counts, since the span waited for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from enctest.tracing.likeness import Spanlike
from enctest.tracing.own_time import end_ns, own_elsewhere_ns

S = TypeVar("S", bound=Spanlike)


@dataclass(frozen=True, slots=True)
class Section(Generic[S]):
    """A stretch of time (nanoseconds) that a span itself took, on the path."""

    span: S
    depth: int
    start_ns: int
    end_ns: int


@dataclass(slots=True)
class Step(Generic[S]):
    """A span of the path; its sections together, in nanoseconds."""

    span: S
    depth: int
    own: int = 0


@dataclass(slots=True)
class _Frame(Generic[S]):
    """A span that is looked through from its end.

    Attributes:
        children: Those that may still be on the path, the one that ended last at the end.
        start: Where its part of the path begins at the earliest.
        whole: Where it ends.
        cursor: Everything of the span after this time is told for.
    """

    span: S
    depth: int
    children: list[S]
    start: int
    whole: int
    cursor: int


def sections(root: S, now_ns: int) -> list[Section[S]]:
    """Return the critical path of a span in order of time; together its sections last as long as the span.

    Args:
        root: A test's own span.
        now_ns: When spans that are open end.
    """
    found: list[Section[S]] = []
    stack = [_frame(root, 0, root.start_ns, end_ns(root, now_ns), now_ns)]
    while stack:
        top = stack[-1]
        child = _last(top, now_ns)
        until = top.start if child is None else min(end_ns(child, now_ns), top.cursor)
        if top.cursor > until:
            found.append(Section(top.span, top.depth, until, top.cursor))
        top.cursor = until
        if child is not None:
            stack.append(_frame(child, top.depth + 1, max(child.start_ns, top.start), until, now_ns))
            continue
        stack.pop()
        if stack:
            stack[-1].cursor = top.start
    return found[::-1]


def steps(root: S, now_ns: int) -> list[Step[S]]:
    """Return the spans of the critical path as they first come on it, parents first, each with its time.

    What was done beside the test meanwhile is not in it.
    """
    known: dict[int, Step[S]] = {}
    for section in sections(root, now_ns):
        step = known.setdefault(id(section.span), Step(section.span, section.depth))
        step.own += section.end_ns - section.start_ns
    for step in known.values():
        step.own = max(0, step.own - own_elsewhere_ns(step.span))
    order = {id(span): place for place, span in enumerate(_walk(root))}
    return sorted(known.values(), key=lambda step: order[id(step.span)])


def _frame(span: S, depth: int, start: int, end: int, now_ns: int) -> _Frame[S]:
    by_end = sorted(span.children, key=lambda child: (end_ns(child, now_ns), child.start_ns))
    return _Frame(span, depth, by_end, start, end, end)


def _last(frame: _Frame[S], now_ns: int) -> S | None:
    """Return the child that ended last before the cursor; what outlives the span counts until its end.

    One that still ran when the next one on the path began was not what that waited for.
    """
    while frame.children:
        child = frame.children.pop()
        end = end_ns(child, now_ns)
        if end > frame.cursor:
            if frame.cursor < frame.whole:
                continue
            end = frame.cursor
        if child.start_ns < frame.cursor and end > frame.start:
            return child
    return None


def _walk(root: S) -> Iterator[S]:
    stack = [root]
    while stack:
        span = stack.pop()
        yield span
        stack.extend(reversed(span.children))
