"""A trace by operation: how often each thing was done, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Generic, TypeVar

from enctest.tracing.likeness import Key, Spanlike, key
from enctest.tracing.own_time import duration_ns, own_ns

S = TypeVar("S", bound=Spanlike)


@dataclass(frozen=True, slots=True)
class Operation(Generic[S]):
    """All spans that do the same; times in nanoseconds.

    Attributes:
        spans: By start, as they come in the tree.
        total: Their durations together; those within each other, or at the same time, count each.
        own: Of that, the time that no child covers.
        typical, longest: Median and maximum of their durations.
        share: `own` as a part of the time of all operations.
    """

    spans: Sequence[S]
    total: int
    own: int
    typical: int
    longest: int
    share: float

    @property
    def name(self) -> str:
        """What they do."""
        return self.spans[0].name

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.spans)


def statistics(tops: Sequence[S], now_ns: int) -> list[Operation[S]]:
    """Return the operations of a trace, most time of their own first.

    Args:
        tops: The topmost spans.
        now_ns: When spans that are open end.
    """
    spans: dict[Key, list[S]] = {}
    own: dict[Key, int] = {}
    for span in _walk(tops):
        what = key(span)
        spans.setdefault(what, []).append(span)
        own[what] = own.get(what, 0) + own_ns(span, now_ns)
    whole = max(1, sum(own.values()))
    found = []
    for what, members in spans.items():
        durations = [duration_ns(span, now_ns) for span in members]
        found.append(
            Operation(
                members, sum(durations), own[what], median_low(durations), max(durations), own[what] / whole
            )
        )
    return sorted(found, key=lambda operation: (-operation.own, -operation.total))


def _walk(tops: Iterable[S]) -> Iterable[S]:
    stack = [*reversed(list(tops))]
    while stack:
        span = stack.pop()
        yield span
        stack.extend(reversed(span.children))
