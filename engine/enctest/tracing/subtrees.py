"""Which spans are equal with all that is below them, within a trace and between two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Generic, TypeVar

from enctest.tracing.likeness import Difference, Spanlike, differences, key

S = TypeVar("S", bound=Spanlike)

RUN_FROM = 5
"""Equal siblings in a row that are one line."""
ALONE = 0
"""The number of a span that is equal to none."""


class Subtrees(Generic[S]):
    """What is known of the subtrees of two traces; neither may change meanwhile.

    Args:
        own: Differences that do not count: they say only that these are two tests.
    """

    def __init__(self, own: Iterable[Difference] = ()) -> None:
        self._own = frozenset(own)
        self._numbers: dict[object, int] = {}
        self._known: dict[int, int] = {}
        self._differences: dict[tuple[int, int], list[Difference]] = {}

    def number(self, span: S) -> int:
        """Return a number that spans share which do the same, all the way down; no recursion.

        What is open, has failed, or in which something happened stands alone, as does what is above it.
        """
        known = self._known
        stack = [span]
        while stack:
            top = stack[-1]
            number = ALONE
            if top.end_ns is not None and top.status != "error" and not top.events:
                unknown = [child for child in top.children if id(child) not in known]
                if unknown:
                    stack += unknown
                    continue
                below = tuple(known[id(child)] for child in top.children)
                if ALONE not in below:
                    number = self._numbers.setdefault((key(top), below), len(self._numbers) + 1)
            known[id(top)] = number
            stack.pop()
        return known[id(span)]

    def differences(self, before: S, now: S) -> list[Difference]:
        """Return what two spans of one key say differently."""
        pair = id(before), id(now)
        found = self._differences.get(pair)
        if found is None:
            own = self._own
            found = [each for each in differences(before, now) if each not in own]
            self._differences[pair] = found
        return found

    def pieces(self, left: Sequence[S], right: Sequence[S]) -> Iterator[tuple[Sequence[S], Sequence[S]]]:
        """Cut neighbours of one key, paired in order: runs that are equal all the way down stay together."""
        both = min(len(left), len(right))
        numbers = [self._common(one, other) for one, other in zip(left, right, strict=False)]
        rest = left[both:] or right[both:]
        numbers += [self.number(span) for span in rest]
        for number, run in groupby(range(len(numbers)), numbers.__getitem__):
            places = list(run)
            first, end = places[0], places[-1] + 1
            if number != ALONE and end - first >= RUN_FROM:
                yield left[first:end], right[first:end]
            else:
                yield from ((left[at : at + 1], right[at : at + 1]) for at in places)

    def _common(self, before: S, now: S) -> int:
        """Return the number of two spans if nothing is different in them, nor below."""
        number = self.number(before)
        if number == ALONE or self.number(now) != number:
            return ALONE
        stack = [(before, now)]
        while stack:
            one, other = stack.pop()
            if self.differences(one, other):
                return ALONE
            stack.extend(zip(one.children, other.children, strict=True))
        return number

    def below(self, spans: Sequence[S]) -> Iterator[Sequence[S]]:
        """Yield what stands below equal spans, for all of them together: equal neighbours at once."""
        if spans:
            first = spans[0].children
            for _, run in groupby(range(len(first)), lambda at: self._known[id(first[at])]):
                places = list(run)
                yield [span.children[at] for span in spans for at in places]
