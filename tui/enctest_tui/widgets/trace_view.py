"""The waterfall of spans: what the test did, when, and for how long; it grows while the test runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.message import Message

from enctest_tui.bars import Axis, round_up
from enctest_tui.span_details import describe_note
from enctest_tui.spanrows import Row, SpanRows, label, statement
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.text import duration, fit
from enctest_tui.widgets.folding_view import FoldingView

TAGS = {
    "fixture": ("fixture ", "fixture"), "db": ("sql ", "db"), "client": ("http ", "http"),
    "server": ("serve ", "http"), "producer": ("send ", "http"), "consumer": ("receive ", "http"),
}  # fmt: skip
BARS = {
    "test": "bar-phase", "phase": "bar-phase", "fixture": "bar-fixture", "db": "bar-db", "client": "bar-http",
    "server": "bar-http", "producer": "bar-http", "consumer": "bar-http",
}  # fmt: skip
_TIME = 9
_STATEMENT = 10
"""Cells from which on a query's text stands behind its summary."""
_MANY = 2000
"""Spans from which on rows are recomputed at most four times a second."""


class TraceView(FoldingView):
    """One line per span: fold arrow, kind, name, duration, bar."""

    class Searched(Message):
        """The place among the matches has changed."""

    class Compared(Message):
        """The trace is to be compared with another run's."""

    def __init__(self, trace: Trace, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.rows = SpanRows(trace)
        self.why_empty = ""
        self.tail = True
        self.words: list[str] = []
        self.pointed: frozenset[int] = frozenset()
        self.match_count = self.match_place = 0
        self.axis = Axis(0, 1, 1)
        self._shown_run: tuple[int, int] = (-1, -1)
        self._rebuilt_at = 0.0

    def empty(self) -> str:
        """Return what to say when there are no spans."""
        return self.why_empty

    @property
    def trace(self) -> Trace:
        """The trace that is shown."""
        return self.rows.trace

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows.rows[self.cursor] if self.cursor < len(self.rows.rows) else None

    # --- keeping up ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Show another test's trace from its beginning."""
        self.tail = True
        self.words = []
        self.pointed = frozenset()
        with self.prevent(self.Moved):
            self.cursor = 0
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh_trace()

    def refresh_trace(self) -> None:
        """Show what has come; the cursor stays on its span, or follows the newest open one."""
        now = time.monotonic()
        if len(self.trace.spans) > _MANY and self.trace.is_live and now - self._rebuilt_at < 0.25:  # noqa: PLR2004 - s
            return
        self._rebuilt_at = now
        row = self.row
        if not self.rows.refresh():
            self.refresh()
            return
        self.set_lines(len(self.rows.rows))
        index = self._place(row)
        if index != self.cursor:
            with self.prevent(self.Moved):
                self.cursor = index
            self.show_cursor()
        self.post_message(self.Moved(self))

    def _place(self, row: Row | None) -> int:
        """Return where the cursor belongs after the rows have changed."""
        if self.tail:
            culprit = self.trace.culprit()
            return next((at for at, each in enumerate(self.rows.rows) if each.span is culprit), 0)
        if row is None:
            return 0
        key = row.key
        same = (at for at, each in enumerate(self.rows.rows) if each.key == key)
        return next(same, min(self.cursor, max(0, len(self.rows.rows) - 1)))

    def touched(self) -> None:
        """Stop following the newest span."""
        self.tail = False

    def action_trace_tail(self) -> None:
        """Follow the newest open span again."""
        self.tail = True
        self.go_to(self._place(None))

    # --- folding -------------------------------------------------------------------------------------

    def foldable(self) -> Sequence[Row]:
        """Return the rows, from the first."""
        return self.rows.rows

    def fold(self, *, open_: bool) -> bool:
        """Fold or unfold the row under the cursor; say whether that changed anything."""
        self.touched()
        row = self.row
        if row is None or not self.rows.fold(row, open_):
            return False
        self.set_lines(len(self.rows.rows))
        return True

    def action_trace_unfold_all(self) -> None:
        """Unfold everything."""
        self._fold_all(open_=True)

    def action_trace_fold_all(self) -> None:
        """Fold everything."""
        self._fold_all(open_=False)

    def action_trace_group(self) -> None:
        """Show equal neighbours as one line, or each alone."""
        self.rows.grouped = not self.rows.grouped
        self._rebuilt()

    def _fold_all(self, open_: bool) -> None:
        self.rows.fold_all(open_)
        self._rebuilt()

    def _rebuilt(self) -> None:
        self.touched()
        row = self.row
        self.rows.refresh(force=True)
        self.set_lines(len(self.rows.rows))
        self.go_to(self._place(row))
        self.post_message(self.Moved(self))

    def clicked(self, index: int, x: int) -> None:
        """Fold or unfold a span whose arrow was clicked."""
        row = self.rows.rows[index]
        if row.folds and 2 * row.depth <= x <= 2 * row.depth + 2:
            self.action_trace_toggle()

    # --- finding -------------------------------------------------------------------------------------

    def search(self, text: str) -> None:
        """Look for spans with all these words in name or attributes; go to the first from the cursor on."""
        self.words = text.lower().split()
        self._go_to_match(0)
        self.refresh()

    def _go_to_match(self, step: int) -> None:
        found = [span for span in self.trace.walk() if self._matches(span)] if self.words else []
        self.match_count = len(found)
        if found:
            self._go_to_one_of(found, step)
        self.post_message(self.Searched())

    def _go_to_one_of(self, spans: list[SpanNode], step: int) -> None:
        """Go to the next (1), previous (-1) or nearest (0) of these spans, going round at the ends."""
        order = {span.id: place for place, span in enumerate(self.trace.walk())}
        row = self.row
        here = order.get(row.span.id, 0) if row is not None else 0
        if step < 0:
            before = [place for place, span in enumerate(spans) if order[span.id] < here]
            self.match_place = before[-1] if before else len(spans) - 1
        else:
            after = [place for place, span in enumerate(spans) if order[span.id] >= here + step]
            self.match_place = after[0] if after else 0
        self.touched()
        index = self.rows.reveal(spans[self.match_place])
        self.set_lines(len(self.rows.rows))
        if index is not None:
            self.go_to(index, middle=True)

    def _matches(self, span: SpanNode) -> bool:
        text = f"{span.name} {' '.join(f'{name}={value}' for name, value in span.attributes.items())}".lower()
        return all(word in text for word in self.words)

    def point(self, spans: Sequence[int]) -> None:
        """Mark these spans, by number, and go to the first."""
        self.pointed = frozenset(spans)
        known = [span for number in spans if (span := self.trace.spans.get(number)) is not None]
        if known:
            self._go_to_one_of(known[:1], 0)
        self.refresh()

    def marked(self, index: int) -> bool:
        """Say whether a row is one of those that were pointed at."""
        row = self.rows.rows[index]
        return row.span.id in self.pointed and row.note is None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave n and N to the app unless there is a search."""
        if action in {"trace_next_match", "trace_previous_match"}:
            return bool(self.words)
        return super().check_action(action, parameters)

    def action_trace_next_match(self) -> None:
        """Go to the next match."""
        self._go_to_match(1)

    def action_trace_previous_match(self) -> None:
        """Go to the previous match."""
        self._go_to_match(-1)

    def action_trace_next_error(self) -> None:
        """Go to the next span that failed."""
        self._go_to_error(1)

    def action_trace_previous_error(self) -> None:
        """Go to the previous span that failed."""
        self._go_to_error(-1)

    def _go_to_error(self, step: int) -> None:
        failed = [span for span in self.trace.walk() if span.is_error]
        if failed:
            self._go_to_one_of(failed, step)
        else:
            self.app.bell()

    def action_compare(self) -> None:
        """Compare with the last pass."""
        self.post_message(self.Compared())

    # --- drawing -------------------------------------------------------------------------------------

    def measure(self, width: int) -> tuple[int, int]:
        """Return the cells of the name column and of the bars, and set the time axis."""
        bars = width * 2 // 5 if width >= 90 else width // 3  # noqa: PLR2004 - cells
        name = width - bars - _TIME - 2
        start, end = self.trace.bounds()
        length = round_up(end - start) if self.trace.is_live else end - start
        self.axis = Axis(start, length, max(1, bars))
        return name, bars

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one row."""
        name_width, bars = self.measure(width)
        row = self.rows.rows[index]
        left = self._left(row)
        used = sum(segment.cell_length for segment in left)
        room = max(1, name_width - used)
        text, ink = self._label(row)
        text = fit(text, room)
        pieces = [*left, Segment(text, ink)]
        room -= cell_len(text)
        more = statement(row.span) if row.note is None else ""
        if more and room > _STATEMENT:
            more = fit(f"  {more}", room)
            pieces.append(Segment(more, self.ink("faint")))
            room -= cell_len(more)
        return [*pieces, Segment(" " * max(0, room)), *self._time(row), *self._bar(row, bars)]

    def _left(self, row: Row) -> list[Segment]:
        arrow = ("▾ " if row.is_open else "▸ ") if row.folds else "  "
        left = [Segment(" " + "  " * row.depth), Segment(arrow, self.ink("faint"))]
        if row.note is not None:
            return left
        if row.span.is_error:
            left.append(Segment("✗ ", self.ink("bad-strong")))
        elif row.span.is_open:
            left.append(
                Segment(
                    "◌ " if self.trace.is_live else "† ", self.ink("accent" if self.trace.is_live else "warn")
                )
            )
        if row.members:
            left.append(Segment(f"{len(row.members)}x ", self.ink("warn")))
        tag, ink = TAGS.get(row.span.kind, ("", "plain"))
        if tag:
            left.append(Segment(tag, self.ink(ink)))
        return left

    def _label(self, row: Row) -> tuple[str, Style]:
        if row.note is not None:
            text, ink = describe_note(row.note)
            return ("✗ " if row.note.name == "exception" else "· ") + text, self.ink(ink)
        span = row.span
        text = label(span)
        if span.kind == "test":
            text = text.rpartition("::")[2] or text
        if self.words and self._matches(span):
            return text, self.ink("match")
        if span.is_error:
            return text, self.ink("bad")
        return text, self.ink("strong" if span.kind in {"test", "phase"} else "plain")

    def _time(self, row: Row) -> list[Segment]:
        if row.note is not None:
            return [Segment(" " * (_TIME + 1))]
        now = self.trace.now_ns
        ms = (
            sum(member.duration_ms(now) for member in row.members)
            if row.members
            else row.span.duration_ms(now)
        )
        return [Segment(f"{duration(ms):>{_TIME}} ", self.ink("accent" if row.span.is_open else "dim"))]

    def _bar(self, row: Row, cells: int) -> list[Segment]:
        span, axis = row.span, self.axis
        if row.note is not None:
            column = axis.column(row.note.at_ns)
            ink = "bad" if row.note.name == "exception" else "faint"
            return [Segment(" " * column), Segment("•", self.ink(ink)), Segment(" " * (cells - column - 1))]
        now = self.trace.now_ns
        last = row.members[-1] if row.members else span
        first, blocks = axis.bar(span.start_ns, last.end_ns if last.end_ns is not None else now)
        after = max(0, cells - first - len(blocks))
        return [Segment(" " * first), *self._dotted(row, first, blocks), Segment(" " * after)]

    def _dotted(self, row: Row, first: int, blocks: str) -> list[Segment]:
        """Return the blocks of a bar, with dots where something happened."""
        span = row.span
        ink = self._bar_ink(span)
        if not span.events or span.expanded:
            return [Segment(blocks, ink)]
        dots = {self.axis.column(note.at_ns) - first for note in span.events}
        return [
            Segment("•", self.ink("warn")) if at in dots else Segment(block, ink)
            for at, block in enumerate(blocks)
        ]

    def _bar_ink(self, span: SpanNode) -> Style:
        if span.is_error:
            outer = any(child.is_error for child in span.children)
            return self.ink("bar-bad-outer" if outer else "bar-bad")
        if span.is_open and self.trace.is_live:
            outer = any(child.is_open for child in span.children)
            return self.ink("bar-open-outer" if outer else "bar-open")
        if span.is_open:
            return self.ink("bar-lost")
        return self.ink(BARS.get(span.kind, "bar"))
