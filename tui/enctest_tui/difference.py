"""A test's trace beside an earlier one, or another test's: which lines are shown, and what they say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from enctest.events import Against, Base
from enctest.tracing.comparison import Comparison, Line, State, compare
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.text import clean, fit, one_line
from enctest_tui.wording import label

SpanLine = Line[SpanNode]

_QUICK = 2000
"""Spans up to which a growing trace is compared with each repaint."""
_SECONDS = 0.5
"""Between two comparisons of a larger one."""
_WIDE, _SHORTEST = 200, 12
"""Cells of a heading of which nobody says how wide it is; cells that the name of a test has in any case."""
WORDS: dict[State, tuple[str, str, str]] = {
    "same": ("", "  ", "plain"),
    "changed": ("changed", "~ ", "warn"),
    "added": ("new", "+ ", "good"),
    "missing": ("missing", "- ", "bad"),
    "moved": ("moved", "» ", "accent"),
    "unreached": ("not reached", "· ", "faint"),
}
"""What a state is called, its mark, and its ink."""


@dataclass
class Baseline:
    """What the shown trace is compared with.

    Attributes:
        against: What was asked for; None while nothing is compared.
        other: The other test, where `against` is that.
        run: The run of the earlier trace; 0 when there is none.
        for_run: The run it was asked for; 0 until there is an answer.
    """

    against: Against | None = None
    other: str = ""
    run: int = 0
    for_run: int = 0
    trace: Trace = field(default_factory=Trace)

    def take(self, answer: Base) -> None:
        """Take the answer to the question."""
        self.run, self.for_run = answer.base_run, answer.run
        self.trace.load(answer.base_run, answer.spans, live=False)

    def forget(self) -> None:
        """Another test, or another question: no answer yet."""
        self.run = self.for_run = 0
        self.trace.clear()


@dataclass(slots=True)
class Row:
    """One visible line: how deep it stands, and whether what is below it can be, and is, folded."""

    line: SpanLine
    depth: int
    folds: bool
    is_open: bool

    @property
    def key(self) -> tuple[bool, int]:
        """What it is recognised by after the next comparison: a span of now, or of before."""
        return bool(self.line.now), self.line.span.id


class Differences:
    """The rows of a comparison. What is the same all the way down is folded until somebody unfolds it.

    Args:
        trace: The one that may grow.
        base: The other.
    """

    def __init__(self, trace: Trace, base: Baseline, clock: Callable[[], float] = time.monotonic) -> None:
        self.trace = trace
        self.base = base
        self.rows: list[Row] = []
        self.comparison: Comparison[SpanNode] | None = None
        self._turned: set[tuple[bool, int]] = set()
        self._clock = clock
        self._compared: tuple[int, int, int, int] | None = None
        self._compared_at = 0.0

    def reset(self) -> None:
        """Begin anew: another test, or another earlier run."""
        self._turned.clear()
        self._compared = self.comparison = None
        self.rows = []

    def refresh(self) -> bool:
        """Compare again if anything has come; say whether that changed the rows."""
        trace = self.trace
        stamp = trace.structure, trace.stamp, self.base.for_run, self.base.run
        now = self._clock()
        if stamp == self._compared:
            return False
        if trace.is_live and len(trace.spans) > _QUICK and now - self._compared_at < _SECONDS:
            return False
        self._compared, self._compared_at = stamp, now
        known = self.base.run and self.base.for_run == trace.run
        self.comparison = compare(self.base.trace.roots, trace.roots) if known and trace.spans else None
        self._list()
        return True

    def fold(self, row: Row, *, open_: bool) -> bool:
        """Fold or unfold a row; say whether that changed anything."""
        if not row.folds or row.is_open == open_:
            return False
        self._turned ^= {row.key}
        self._list()
        return True

    def fold_all(self, *, open_: bool) -> None:
        """Unfold everything, or fold everything that is the same."""
        self._turned.clear()
        if open_ and self.comparison is not None:
            self._turned = {_key(line) for line in self.comparison.walk() if not line.differs}
        self._list()

    def first(self) -> int:
        """Return the row where the traces begin to differ."""
        found = self.comparison.first if self.comparison is not None else None
        return next((at for at, row in enumerate(self.rows) if row.line is found), 0)

    def next_from(self, index: int, step: int) -> int | None:
        """Return the next (1) or previous (-1) row that is different itself, going round."""
        found = [at for at, row in enumerate(self.rows) if row.line.state != "same"]
        if not found:
            return None
        if step > 0:
            return next((at for at in found if at > index), found[0])
        return next((at for at in reversed(found) if at < index), found[-1])

    def _list(self) -> None:
        self.rows = []
        stack = [(0, line) for line in reversed(self.comparison.lines)] if self.comparison is not None else []
        while stack:
            depth, line = stack.pop()
            is_open = line.differs != (_key(line) in self._turned)
            self.rows.append(Row(line, depth, bool(line.children), is_open))
            if is_open:
                stack.extend((depth + 1, child) for child in reversed(line.children))


def _key(line: SpanLine) -> tuple[bool, int]:
    return bool(line.now), line.span.id


def summary(
    comparison: Comparison[SpanNode] | None, base: Baseline, *, nothing: str = "", width: int = _WIDE
) -> list[tuple[str, str]]:
    """Return pieces of text and their inks: with what is compared and how much differs, or `nothing`.

    The name of another test takes what `width` cells leave for it.
    """
    if comparison is None:
        return [(nothing or _why_nothing(base, width), "dim")]
    counts = comparison.counts
    told = [
        (f"{counts[state]} {word}", ink) for state, (word, _, ink) in WORDS.items() if word and counts[state]
    ]
    pieces = []
    for at, piece in enumerate(told or [("nothing is different", "good")]):
        pieces += [(", ", "dim")] * (at > 0) + [piece]
    start, end = "compared with ", f", run {base.run}: "
    room = width - len(start) - len(end) - sum(len(text) for text, _ in pieces)
    return [(f"{start}{_what(base, room)}{end}", "dim"), *pieces]


def _what(base: Baseline, room: int) -> str:
    if base.against == "other":
        full, short = clean(base.other), clean(base.other.rpartition("::")[2])
        return full if len(full) <= room else fit(short, max(_SHORTEST, room))
    return "its last pass" if base.against == "pass" else "the run before"


def _why_nothing(base: Baseline, width: int) -> str:
    if not base.for_run:
        return "…"
    if base.run:
        return "no spans yet"
    if base.against == "other":
        why = " has no trace yet: run it"
        return f"{_what(base, width - len(why))}{why}"
    return "it has not passed before" if base.against == "pass" else "there is no run before this one"


def said(line: SpanLine) -> str:
    """Return in one line what is different about a line; empty if nothing is."""
    parts = []
    for name, before, now in line.differences:
        if name == "said":
            parts.append(f"no longer: {one_line(before)}" if before else one_line(now))
        elif name == "count":
            parts.append(f"{before} → {now} times")
        else:
            short = name.rpartition(".")[2] if name.startswith(("db.", "http.")) else name
            parts.append(f"{short} {one_line(before) or 'none'} → {one_line(now) or 'none'}")
    return "; ".join(parts)


def durations_ms(line: SpanLine, now_ns: int) -> tuple[float | None, float | None]:
    """Return how long the line took before and now, in milliseconds; None on the side where it is missing."""
    return _sum(line.before, 0), _sum(line.now, now_ns)


def _sum(spans: Sequence[SpanNode], now_ns: int) -> float | None:
    return sum(span.duration_ms(now_ns) for span in spans) if spans else None


def title(line: SpanLine) -> str:
    """Return what a line's spans do."""
    span = line.span
    text = label(span)
    return (text.rpartition("::")[2] or text) if span.kind == "test" else text
