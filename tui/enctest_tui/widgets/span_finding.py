"""Finding spans by keyboard: search and filter, the next failure, the next that does the same."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from enctest.errors import EnctestError
from enctest_tui.finding import Finder
from enctest_tui.spanquery import Known
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.text import fit, plural
from enctest_tui.widgets.span_list import SpanList
from enctest_tui.wording import label

_NAME = 30
"""Characters of a name that are said."""
_AT_A_TIME = 300
"""Spans that are taken in at once, in about a millisecond."""


class SpanFinding(SpanList):
    """A list of spans that goes to those that are looked for.

    Attributes:
        match_count: How many spans match the search.
        match_place: Which of them the cursor went to last, from 0.
        pointed: Spans, by number, that somebody has pointed at: they are marked.
    """

    class Searched(Message):
        """The place among the matches has changed."""

    def __init__(self, trace: Trace, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(trace, id=id)
        self._known = known = Known(trace, self.own)
        self.finder, self.filter = Finder(known), Finder(known)
        self.match_count = self.match_place = 0
        self.pointed: frozenset[int] = frozenset()

    def empty(self) -> str:
        """Return what to say when there are no rows."""
        return "no span is like that" if self.trace.spans and self.filter.query else super().empty()

    def reset(self) -> None:
        """Show another test's trace, without search and filter."""
        self.finder.look_for("")
        self.filter.look_for("")
        self.rows.kept = None
        self.pointed = frozenset()
        super().reset()

    def marked(self, index: int) -> bool:
        """Mark what was pointed at as well."""
        row = self.rows.rows[index]
        return super().marked(index) or (row.span.id in self.pointed and row.note is None)

    def grown(self) -> None:
        """Let new spans through the filter, or not."""
        if self.filter.query is not None:
            self.rows.show_only(self.filter.found(), unfold=False)

    # --- search and filter ---------------------------------------------------------------------------

    def prepare(self) -> None:
        """Take in what spans say, a few at a time between keys: the first letter has less to do then."""
        if not self.trace.is_live and self._known.read_some(_AT_A_TIME):
            self.call_later(self.prepare)

    def search(self, text: str) -> str:
        """Look for spans and go to the nearest; return what is wrong with `text`, if anything."""
        return self._ask(self.finder, text) or self._go_to_match(0)

    def show_only(self, text: str) -> str:
        """Show only what matches, and what is above; return what is wrong with `text`, if anything."""
        problem = self._ask(self.filter, text)
        if not problem:
            found = self.filter.found() if self.filter.query is not None else None
            self._rebuilt(lambda: self.rows.show_only(found))
        return problem

    def _ask(self, finder: Finder, text: str) -> str:
        try:
            finder.look_for(text)
        except EnctestError as error:
            return f"{error.title}. {error.hint}"
        self.refresh()
        return ""

    def _go_to_match(self, step: int) -> str:
        found = self.finder.found()
        self.match_count = len(found)
        if found:
            self.match_place = self._go_to_one_of(found, step)
        self.post_message(self.Searched())
        return ""

    def action_trace_next_match(self) -> None:
        """Go to the next match."""
        self._go_to_match(1)

    def action_trace_previous_match(self) -> None:
        """Go to the previous match."""
        self._go_to_match(-1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave n and N to the app unless there is a search."""
        if action in {"trace_next_match", "trace_previous_match"}:
            return self.finder.query is not None
        return super().check_action(action, parameters)

    # --- going there ---------------------------------------------------------------------------------

    def go_to_span(self, span: SpanNode) -> None:
        """Put the cursor on a span and unfold what hides it; a filter that hides it is given up."""
        self.touched()
        if self.rows.kept is not None and span.id not in self.rows.kept:
            self.show_only("")
        index = self.rows.reveal(span)
        self.set_lines(len(self.rows.rows))
        if index is not None:
            self.go_to(index, middle=True)

    def point(self, spans: Sequence[int]) -> None:
        """Mark these spans, by number, and go to the first."""
        self.pointed = frozenset(spans)
        known = (span for number in spans if (span := self.trace.spans.get(number)) is not None)
        first = next(known, None)
        if first is not None:
            self.go_to_span(first)
        self.refresh()

    def _go_to_one_of(self, spans: Sequence[SpanNode], step: int) -> int:
        """Go to the next (1), previous (-1) or nearest (0) of these spans; return which one that is."""
        row = self.row
        place = self.finder.place(spans, row.span if row is not None else None, step)
        self.go_to_span(spans[place])
        return place

    def action_trace_next_error(self) -> None:
        """Go to the next span that failed."""
        self._go(self.finder.where(lambda span: span.is_error), 1, "failed", "nothing failed")

    def action_trace_previous_error(self) -> None:
        """Go to the previous span that failed."""
        self._go(self.finder.where(lambda span: span.is_error), -1, "failed", "nothing failed")

    def action_trace_next_same(self) -> None:
        """Go to the next span that does the same."""
        self._go_to_same(1)

    def action_trace_previous_same(self) -> None:
        """Go to the previous span that does the same."""
        self._go_to_same(-1)

    def _go_to_same(self, step: int) -> None:
        if self.row is not None:
            name = fit(label(self.row.span), _NAME)
            self._go(self.finder.like(self.row.span), step, name, "")

    def _go(self, spans: Sequence[SpanNode], step: int, what: str, nothing: str) -> None:
        kept = self.rows.kept
        if kept is not None:
            spans = [span for span in spans if span.id in kept]
        if not spans:
            self.app.bell()
            self.said = nothing
        else:
            place = self._go_to_one_of(spans, step)
            self.said = f"{place + 1} of {plural(len(spans), 'span')}: {what}"
        self.post_message(self.Moved(self))
