"""Two traces, of one test or two, in one tree: what came, is missing, is different, and where that began.

Siblings are paired by what they do (`likeness.key`), in order: equal ends first, then the longest common
subsequence of what lies between, or for very many the nearest that follows. Runs of equal siblings are one
line, so that forty queries instead of twelve are one difference; what is below them is listed once for all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from typing import Generic, Literal, TypeVar

from enctest.tracing.likeness import Difference, Key, Spanlike, differences, key
from enctest.tracing.model import SHARED, is_beside
from enctest.tracing.subtrees import Subtrees

S = TypeVar("S", bound=Spanlike)

State = Literal["same", "changed", "added", "missing", "moved", "unreached"]

_EXACT = 40_000
"""Pairs of siblings up to which the best alignment is looked for."""
_OF_ERRORS = frozenset(
    {
        *("status", "said", "error.type", "pytest.outcome", "pytest.reason"),
        *("pytest.failure", "pytest.failed_phase", "test.case.result.status"),
    }
)
"""Differences that a span only passes on when something below it has failed."""
_NODE_ID = "pytest.nodeid"
_OF_A_TEST = frozenset({"code.file.path", "code.function.name", "pytest.markers"})


@dataclass(eq=False, slots=True)
class Line(Generic[S]):
    """One line of the common tree.

    Attributes:
        before, now: The spans it stands for: one, or some equal ones; none on the side where it is missing.
        state: What became of it; `unreached` is missing since something failed, or has not ended, before it.
        differences: What is different about it, for `changed`.
        children: Lines below.
        differs: Whether it, or any line below, is not the same.
    """

    before: Sequence[S]
    now: Sequence[S]
    parent: Line[S] | None = None
    state: State = "same"
    differences: tuple[Difference, ...] = ()
    children: list[Line[S]] = field(default_factory=list)
    differs: bool = False

    @property
    def span(self) -> S:
        """A span it stands for, rather one of now."""
        return (self.now or self.before)[0]

    def walk(self) -> Iterator[Line[S]]:
        """Yield the line and all below it, depth first."""
        stack = [self]
        while stack:
            line = stack.pop()
            yield line
            stack.extend(reversed(line.children))


@dataclass(eq=False, slots=True)
class Comparison(Generic[S]):
    """The whole of it.

    Attributes:
        lines: The topmost lines.
        first: Where it began to be different; None if it did not.
        counts: Lines by state.
    """

    lines: list[Line[S]]
    first: Line[S] | None
    counts: Counter[State]

    def walk(self) -> Iterator[Line[S]]:
        """Yield all lines, depth first."""
        for line in self.lines:
            yield from line.walk()


def compare(before: Sequence[S], now: Sequence[S]) -> Comparison[S]:
    """Compare two traces, each given by its topmost spans; the second may still grow.

    Spans beside the test are left out: which test needed a shared start first says nothing of it.
    """
    top: Line[S] = Line((), ())
    known: Subtrees[S] = Subtrees(_of_two_tests(before, now))
    pending = [(top, _comparable(before, now), _comparable(now, before))]
    while pending:
        line, old, new = pending.pop()
        for child, below_old, below_new in _children(line, old, new, known):
            line.children.append(child)
            if below_old or below_new:
                pending.append((child, below_old, below_new))
    _find_moved(top)
    _find_unreached(top)
    _settle(top)
    for line in top.children:
        line.parent = None
    lines = [line for each in top.children for line in each.walk()]
    return Comparison(top.children, _first(lines), Counter(line.state for line in lines))


def _of_two_tests(before: Sequence[S], now: Sequence[S]) -> Iterable[Difference]:
    """Return what is different since these are two tests: where each is, its function, its markers."""
    one, other = (next((span for span in spans if span.kind == "test"), None) for spans in (before, now))
    if one is None or other is None or one.attributes.get(_NODE_ID) == other.attributes.get(_NODE_ID):
        return ()
    return (each for each in differences(one, other) if each.name in _OF_A_TEST)


def _comparable(spans: Sequence[S], others: Sequence[S]) -> Sequence[S]:
    """Leave out shared starts, and shared fixtures that only one side shows: the first test makes them."""
    names = {span.name for span in others}
    return [
        span
        for span in spans
        if not is_beside(span)
        and (span.name in names or span.status == "error" or not span.attributes.get(SHARED))
    ]


def _children(
    line: Line[S], old: Sequence[S], new: Sequence[S], known: Subtrees[S]
) -> Iterator[tuple[Line[S], Sequence[S], Sequence[S]]]:
    """Yield the lines below a line, each with what is below it on both sides."""
    before, now = _groups(old), _groups(new)
    for one, other in align([each[0] for each in before], [each[0] for each in now]):
        left = before[one][1] if one is not None else ()
        right = now[other][1] if other is not None else ()
        yield from _paired(line, left, right, known)


def _groups(spans: Iterable[S]) -> list[tuple[Key, list[S]]]:
    return [(what, list(run)) for what, run in groupby(spans, key)]


def _paired(
    parent: Line[S], left: Sequence[S], right: Sequence[S], known: Subtrees[S]
) -> Iterator[tuple[Line[S], Sequence[S], Sequence[S]]]:
    """Yield lines for neighbours of one key: one for those that are equal all the way down, or one each."""
    is_run = len(left) > 1 or len(right) > 1
    if is_run and not any(span.children for span in (*left, *right)):
        both = min(len(left), len(right))
        failed = any(span.status == "error" for span in (*left[both:], *right[both:]))
        found = (known.differences(one, other) for one, other in zip(left, right, strict=False))
        if not failed and not any(found):
            yield _line(parent, left, right, _of_counts(left, right)), (), ()
            return
    for old, new in known.pieces(left, right) if is_run else ((left, right),):
        if len(old) > 1 or len(new) > 1:
            line = _line(parent, old, new, _of_counts(old, new))
            _list_once(line, known)
            yield line, (), ()
        elif old and new:
            line = _line(parent, old, new, known.differences(old[0], new[0]))
            yield line, old[0].children, new[0].children
        else:
            below = (*old, *new)[0].children
            yield _line(parent, old, new, ()), below if old else (), below if new else ()


def _list_once(run: Line[S], known: Subtrees[S]) -> None:
    """List below a run of equal spans what is below them, each line for all of them."""
    pending = [run]
    while pending:
        line = pending.pop()
        below = zip_longest(known.below(line.before), known.below(line.now), fillvalue=())
        line.children = [_line(line, before, now, ()) for before, now in below]
        pending += line.children


def _line(parent: Line[S], left: Sequence[S], right: Sequence[S], found: Iterable[Difference]) -> Line[S]:
    state: State = "added" if not left else "missing" if not right else "same"
    return Line(left, right, parent, state, tuple(found))


def _of_counts(left: Sequence[S], right: Sequence[S]) -> list[Difference]:
    if not left or not right or len(left) == len(right):
        return []
    return [Difference("count", str(len(left)), str(len(right)))]


def align(before: Sequence[Key], now: Sequence[Key]) -> Iterator[tuple[int | None, int | None]]:
    """Yield pairs of places that belong together, in order; None on the side that has nothing for it."""
    start, end = 0, 0
    shorter = min(len(before), len(now))
    while start < shorter and before[start] == now[start]:
        start += 1
    while end < shorter - start and before[-1 - end] == now[-1 - end]:
        end += 1
    yield from ((place, place) for place in range(start))
    old, new = before[start : len(before) - end], now[start : len(now) - end]
    one = other = 0
    matches = _common(old, new) if len(old) * len(new) <= _EXACT else _following(old, new)
    for left, right in [*matches, (len(old), len(new))]:
        yield from ((start + place, None) for place in range(one, left))
        yield from ((None, start + place) for place in range(other, right))
        if left < len(old):
            yield start + left, start + right
        one, other = left + 1, right + 1
    yield from ((len(before) - place, len(now) - place) for place in range(end, 0, -1))


def _common(old: Sequence[Key], new: Sequence[Key]) -> list[tuple[int, int]]:
    """Return the longest common subsequence, as pairs of places."""
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for one in range(len(old) - 1, -1, -1):
        row, below, what = lengths[one], lengths[one + 1], old[one]
        for other in range(len(new) - 1, -1, -1):
            if what == new[other]:
                row[other] = below[other + 1] + 1
            else:
                row[other] = max(below[other], row[other + 1])
    found = []
    one = other = 0
    while one < len(old) and other < len(new):
        if old[one] == new[other]:
            found.append((one, other))
            one, other = one + 1, other + 1
        elif lengths[one + 1][other] >= lengths[one][other + 1]:
            one += 1
        else:
            other += 1
    return found


def _following(old: Sequence[Key], new: Sequence[Key]) -> list[tuple[int, int]]:
    """Return a common subsequence, quickly: each one's nearest equal that follows the last match."""
    places: dict[Key, list[int]] = {}
    for place, what in enumerate(new):
        places.setdefault(what, []).append(place)
    found, last = [], -1
    for one, what in enumerate(old):
        here = places.get(what, ())
        at = bisect_right(here, last)
        if at < len(here):
            last = here[at]
            found.append((one, last))
    return found


def _find_moved(top: Line[S]) -> None:
    """Take what is missing here and was added there, with all that is below, as moved."""
    missing: dict[object, list[Line[S]]] = {}
    for line in _tops(top, "missing"):
        missing.setdefault(_signature(line.before), []).append(line)
    if not missing:
        return
    for line in _tops(top, "added"):
        former = missing.get(_signature(line.now))
        if former:
            gone = former.pop()
            if gone.parent is not None:
                gone.parent.children.remove(gone)
            line.before = gone.before
            for each in line.walk():
                each.state = "moved"


def _tops(top: Line[S], state: State) -> list[Line[S]]:
    return [
        line
        for line in top.walk()
        if line.state == state and (line.parent is None or line.parent.state != state)
    ]


def _signature(spans: Sequence[S]) -> object:
    """Return what spans and all below them do, without recursion: keys in depth first order, with depths."""
    found = []
    stack = [(0, span) for span in reversed(spans)]
    while stack:
        depth, span = stack.pop()
        found.append((depth, key(span)))
        stack.extend((depth + 1, child) for child in reversed(span.children))
    return tuple(found)


def _find_unreached(top: Line[S]) -> None:
    """What is missing after something failed, or has not ended, was not reached."""
    broken = _broken(top)
    if broken is None:
        return
    reached = max((at for at, line in enumerate(broken.children) if line.now), default=-1)
    late = broken.children[reached + 1 :]
    line = broken
    while line.parent is not None:
        siblings = line.parent.children
        late += siblings[siblings.index(line) + 1 :]
        line = line.parent
    for each in late:
        if each.state == "missing":
            for below in each.walk():
                below.state = "unreached"


def _broken(top: Line[S]) -> Line[S] | None:
    """Return the innermost line on the way of the first failure, or of what goes on now."""
    found: Line[S] | None = None
    lines = top.children
    while True:
        inner = next((line for line in lines if line.now and _breaks(line)), None)
        if inner is None:
            return found
        found, lines = inner, inner.children


def _breaks(line: Line[S]) -> bool:
    span = line.now[-1]
    if span.end_ns is None:
        return True
    return span.status == "error" and not (line.before and line.before[-1].status == "error")


def _settle(top: Line[S]) -> None:
    """Say of each line whether it changed, from below: what only passes a failure on has not."""
    for line in reversed(list(top.walk())):
        below = any(child.differs for child in line.children)
        if below:
            line.differences = tuple(each for each in line.differences if each.name not in _OF_ERRORS)
        if line.differences and line.state == "same":
            line.state = "changed"
        line.differs = below or line.state != "same"


def _first(lines: Sequence[Line[S]]) -> Line[S] | None:
    for states in ({"changed", "added", "missing"}, {"unreached"}, {"moved"}):
        for line in lines:
            if line.state in states:
                return line
    return None
