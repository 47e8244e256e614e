"""Two runs, of one test or two, in one tree: what came, is missing, is different, and how long both took."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual.message import Message

from enctest_tui.actions import ACTIONS
from enctest_tui.difference import WORDS, Baseline, Differences, Row, SpanLine, durations_ms, said, title
from enctest_tui.spans import Trace
from enctest_tui.text import duration, fit
from enctest_tui.widgets.folding_view import FoldingView
from enctest_tui.widgets.span_line import TAGS

_TIME = 9
_SLOWER = 1.5
_AND_BY_MS = 5.0
"""A duration stands out when it is so many times the former one, and so many milliseconds more."""


HEAD = f"{'before':>{_TIME}}   {'now':>{_TIME}} "
"""What stands above the durations."""


class DifferenceView(FoldingView):
    """One line per span or run of equal spans: mark, fold arrow, kind, name, difference, both durations."""

    class Turned(Message):
        """Another comparison, or none, is wanted."""

    def __init__(self, trace: Trace, base: Baseline, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.found = Differences(trace, base)
        self._is_at_first = True

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.found.rows[self.cursor] if self.cursor < len(self.found.rows) else None

    # --- keeping up ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin anew, at the first difference."""
        self._is_at_first = True
        self.found.reset()
        self.refresh_rows()

    def refresh_rows(self) -> None:
        """Show what has come; the cursor is at the first difference until it is moved."""
        row = self.row
        if self.found.refresh():
            self._listed(row)
        else:
            self.refresh()

    def _listed(self, row: Row | None) -> None:
        rows = self.found.rows
        self.set_lines(len(rows))
        if self._is_at_first:
            index = self.found.first()
        else:
            same = (at for at, each in enumerate(rows) if row is not None and each.key == row.key)
            index = next(same, min(self.cursor, max(0, len(rows) - 1)))
        with self.prevent(self.Moved):
            self.cursor = index
        self.show_cursor(middle=self._is_at_first)
        self.post_message(self.Moved(self))

    def touched(self) -> None:
        """Stay where the user goes."""
        self._is_at_first = False

    # --- what the registry calls ---------------------------------------------------------------------

    def action_trace_unfold_all(self) -> None:
        """Unfold everything."""
        self._fold_all(open_=True)

    def action_trace_fold_all(self) -> None:
        """Fold everything that is the same."""
        self._fold_all(open_=False)

    def action_trace_next_error(self) -> None:
        """Go to the next difference."""
        self._go(1)

    def action_trace_previous_error(self) -> None:
        """Go to the previous difference."""
        self._go(-1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave to the app what only the waterfall can do."""
        if action.startswith("trace_") and not hasattr(self, f"action_{action.partition('(')[0]}"):
            return False
        return super().check_action(action, parameters)

    def labels(self) -> dict[str, str]:
        """Return what the keys do here: they go to differences, and to the next comparison."""
        others = (
            action.id
            for action in ACTIONS
            if action.where == "trace" and not hasattr(self, f"action_{action.call.partition('(')[0]}")
        )
        then = "Run before" if self.found.base.against == "pass" else "No comparison"
        return {
            **dict.fromkeys((*others, "trace-filter"), ""),
            "trace-next-error": "Next difference",
            "compare": then,
        }

    def action_compare(self) -> None:
        """Compare with something else, then with nothing."""
        self.post_message(self.Turned())

    def foldable(self) -> Sequence[Row]:
        """Return the rows, from the first."""
        return self.found.rows

    def fold(self, *, open_: bool) -> bool:
        """Fold or unfold the row under the cursor; say whether that changed anything."""
        self.touched()
        row = self.row
        if row is None or not self.found.fold(row, open_=open_):
            return False
        self._listed(row)
        return True

    def _fold_all(self, *, open_: bool) -> None:
        self.touched()
        row = self.row
        self.found.fold_all(open_=open_)
        self._listed(row)

    def _go(self, step: int) -> None:
        self.touched()
        index = self.found.next_from(self.cursor, step)
        if index is None:
            self.app.bell()
        else:
            self.go_to(index, middle=True)

    def clicked(self, index: int, x: int) -> None:
        """Fold or unfold a line whose arrow was clicked."""
        row = self.found.rows[index]
        if row.folds and 2 * row.depth + 2 <= x <= 2 * row.depth + 4:
            self.action_trace_toggle()

    # --- drawing -------------------------------------------------------------------------------------

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one row."""
        row = self.found.rows[index]
        times = self._times(row.line)
        room = max(1, width - sum(segment.cell_length for segment in times))
        pieces = []
        for text, ink in self._words(row):
            shown = fit(text, room)
            pieces.append(Segment(shown, self.ink(ink)))
            room -= cell_len(shown)
            if room <= 0:
                break
        return [*pieces, Segment(" " * max(0, room)), *times]

    def _words(self, row: Row) -> list[tuple[str, str]]:
        line = row.line
        _, mark, ink = WORDS[line.state]
        arrow = ("▾ " if row.is_open else "▸ ") if row.folds else "  "
        quiet = line.state == "unreached"
        words = [(f" {mark}", ink), ("  " * row.depth, "plain"), (arrow, "faint")]
        count = max(len(line.before), len(line.now))
        if count > 1:
            words.append((f"{len(line.now) or count}x ", ink if line.differences else "dim"))
        if line.now and line.span.is_error:
            words.append(("✗ ", "bad-strong"))
        tag, tint = TAGS.get(line.span.kind, ("", "plain"))
        words += [(tag, "faint" if quiet else tint)] if tag else []
        words.append(
            (title(line), ink if line.state in {"added", "missing", "unreached"} else _name_ink(line))
        )
        told = said(line)
        if told:
            words.append((f"  {told}", ink))
        elif row.folds and not row.is_open and not line.differs:
            words.append(("  the same", "faint"))
        return words

    def _times(self, line: SpanLine) -> list[Segment]:
        before, now = durations_ms(line, self.found.trace.now_ns)
        old = "" if before is None else duration(before)
        new = "" if now is None else duration(now)
        slower = (
            before is not None and now is not None and now > before * _SLOWER and now > before + _AND_BY_MS
        )
        arrow = " → " if old and new else "   "
        return [
            Segment(f" {old:>{_TIME}}", self.ink("faint")),
            Segment(arrow, self.ink("faint")),
            Segment(f"{new:>{_TIME}} ", self.ink("warn" if slower else "dim")),
        ]


def _name_ink(line: SpanLine) -> str:
    return "strong" if line.span.kind in {"test", "phase"} else "plain" if line.differs else "dim"
