"""The Trace tab: a time axis and the waterfall, or a comparison with another run; the details of one span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from enctest.events import Against
from enctest_tui.copying import copied
from enctest_tui.detail_lines import DetailLine, Place
from enctest_tui.difference import SpanLine
from enctest_tui.keys import bindings
from enctest_tui.model import Model
from enctest_tui.span_details import Reading, describe, describe_line, filled, place_of
from enctest_tui.spanquery import EXAMPLE
from enctest_tui.spanrows import Row
from enctest_tui.spans import SpanNode
from enctest_tui.stack import Sources
from enctest_tui.text import plural
from enctest_tui.widgets.details_view import SpanDetails
from enctest_tui.widgets.difference_head import Summary
from enctest_tui.widgets.difference_view import DifferenceView
from enctest_tui.widgets.find_box import FindBox
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.places import SourceWanted
from enctest_tui.widgets.time_axis import MinimapBar, TimeAxis
from enctest_tui.widgets.trace_view import TraceView

_NEXT: dict[Against | None, Against] = {None: "pass", "pass": "previous"}
_BESIDE = 130
"""Columns from which on the details stand beside the waterfall."""


class TracePane(Vertical):
    """Waterfall or comparison, and details; Enter shows and hides the details."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("span")

    @dataclass
    class BaseWanted(Message):
        """The trace of this run is to be compared with another one."""

        run: int
        against: Against

    class OtherWanted(Message):
        """The trace is to be compared with that of a test the user has yet to choose."""

    class KeysChanged(Message):
        """Other keys do something now."""

    @dataclass
    class PlanWanted(Message):
        """A query is to be explained."""

        run: int
        span: int
        query: str
        database: str

    def __init__(self, model: Model, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        trace = model.trace
        self._base = base = model.base
        self._asked_for = 0
        self.reading = Reading(plans=model.plans)
        self.view = TraceView(trace, id="spans")
        self.axis = TimeAxis(self.view)
        self.minimap = MinimapBar(self.view)
        self.difference = DifferenceView(trace, base, id="differences")
        self.summary = Summary(self.difference, base)
        self.search = FindBox("words of a span, its attributes or events", id="span-search")
        self.filter = FindBox(f"show only, such as: {EXAMPLE}", id="span-filter", sign="&")
        self.details = SpanDetails(self.reading, id="span-details")

    def compose(self) -> ComposeResult:
        """Axis over waterfall, or the comparison; details below or beside."""
        with Vertical(id="waterfall"):
            yield self.minimap
            yield self.axis
            yield self.view
            yield self.summary
            yield self.difference
            yield self.filter
            yield self.search
        yield self.details

    @property
    def front(self) -> LineView:
        """The list that is shown."""
        return self.view if self._base.against is None else self.difference

    def refresh_trace(self, *, other: bool = False, root: str = "") -> None:
        """Show what has come; `other` begins anew, in the project at `root`."""
        if other:
            self.reading.sources = Sources(Path(root) if root else None)
            self.reading.turned.clear()
            self.search.clear()
            self.filter.clear()
            self.view.reset()
        else:
            self.view.refresh_trace()
        self._refresh_axis()
        if self._base.against is not None:
            self._refresh_difference(other=other)
        if self.shows_details:
            self._describe()

    def _refresh_axis(self) -> None:
        self.axis.refresh()
        self.minimap.follow()

    @on(TraceView.Zoomed)
    def _zoomed(self, event: TraceView.Zoomed) -> None:
        event.stop()
        self._refresh_axis()
        self.post_message(self.KeysChanged())

    # --- comparing -----------------------------------------------------------------------------------

    @on(TraceView.Compared)
    @on(DifferenceView.Turned)
    def turn_comparison(self) -> None:
        """Compare with the last pass, then with the run before, then with nothing."""
        self._compare(_NEXT.get(self._base.against))

    def action_compare_other(self) -> None:
        """Let the user choose a test to compare with."""
        if self.view.trace.run:
            self.post_message(self.OtherWanted())
        else:
            self.notify("select a test that has run to compare it", markup=False, timeout=3)

    def compare_with(self, other: str) -> None:
        """Compare with the last trace of another test."""
        self._compare("other", other)

    def ask_for_other(self) -> None:
        """Ask for the other test's trace again, if there is one: it may have run."""
        if self._base.against == "other" and self._asked_for:
            self.post_message(self.BaseWanted(self._asked_for, "other"))

    def _compare(self, against: Against | None, other: str = "") -> None:
        had_focus = self.front.has_focus
        self._base.against, self._base.other = against, other
        self.set_class(self._base.against is not None, "-compare")
        if self._base.against is not None:
            self._refresh_difference(other=True)
        if had_focus:
            self.front.focus()
        if self.shows_details:
            self._describe()
        self.post_message(self.KeysChanged())

    def point(self, spans: Sequence[int]) -> None:
        """Go to the first of these spans in the waterfall, and mark all of them."""
        if self._base.against is not None:
            self._compare(None)
        self.view.focus()
        self.view.point(spans)

    def go_back(self) -> bool:
        """Close what is on top, if the focus is here; say whether anything was closed.

        The details first, then the search, the filter, the zoom, and the comparison.
        """
        if not (self.details.has_focus or self.front.has_focus):
            return False
        if self.shows_details:
            self.show_details(on_=False)
            self.front.focus()
        elif self._base.against is not None:
            self._compare(None)
        elif self.search.text:
            self.search.clear()
            self.view.search("")
        elif self.filter.text:
            self.filter.clear()
            self._only("")
        elif self.view.zoom.chosen is not None:
            self.view.action_trace_zoom_reset()
        else:
            return False
        return True

    def _refresh_difference(self, *, other: bool) -> None:
        run = self.view.trace.run
        if other:
            self._base.forget()
            self._asked_for = 0
        if run and run != self._asked_for and self._base.against is not None:
            self._asked_for = run
            self.post_message(self.BaseWanted(run, self._base.against))
        if other:
            self.difference.reset()
        else:
            self.difference.refresh_rows()
        self.summary.refresh()

    # --- finding -------------------------------------------------------------------------------------

    def open_search(self) -> None:
        """Let the user type what to look for."""
        if self._base.against is None:
            self.search.open()
            self.view.prepare()

    def action_trace_filter(self) -> None:
        """Let the user type which spans to show."""
        if self._base.against is None:
            self.filter.open()
            self.view.prepare()

    @on(FindBox.Typed, "#span-search")
    def _search_typed(self, event: FindBox.Typed) -> None:
        event.stop()
        problem = self.view.search(event.text)
        if problem:
            self.search.count(problem, is_wrong=True)

    @on(FindBox.Typed, "#span-filter")
    def _filter_typed(self, event: FindBox.Typed) -> None:
        event.stop()
        self._only(event.text)

    def _only(self, text: str) -> None:
        problem = self.view.show_only(text)
        found = len(self.view.filter.found())
        said = f"{found:,} of {plural(len(self.view.trace.spans), 'span')}" if text.strip() else ""
        self.filter.count(problem or said, is_wrong=bool(problem))
        self._refresh_axis()

    @on(FindBox.Closed)
    def _box_closed(self, event: FindBox.Closed) -> None:
        event.stop()
        self.view.focus()

    @on(TraceView.Searched)
    def _searched(self, event: TraceView.Searched) -> None:
        event.stop()
        view = self.view
        none = "none" if view.finder.query is not None else ""
        self.search.count(f"{view.match_place + 1}/{view.match_count:,}" if view.match_count else none)

    # --- details -------------------------------------------------------------------------------------

    @property
    def shows_details(self) -> bool:
        """Whether the details are open."""
        return self.has_class("-details")

    def show_details(self, on_: bool) -> None:
        """Open or close the details."""
        self.set_class(on_, "-details")
        if on_:
            self.call_after_refresh(self._describe)
            self.call_after_refresh(self.front.show_cursor)
        self.call_after_refresh(self.minimap.follow)

    @on(LineView.Chosen, "#spans")
    @on(LineView.Chosen, "#differences")
    def _chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        self.show_details(not self.shows_details)

    @on(LineView.Moved, "#spans")
    @on(LineView.Moved, "#differences")
    def _moved(self, event: LineView.Moved) -> None:
        event.stop()
        self._refresh_axis()
        self.post_message(self.KeysChanged())
        if self.shows_details:
            self._describe()

    @on(SpanDetails.Turned)
    def _describe(self) -> None:
        self.details.show_details(*self._described())

    def _described(self) -> tuple[list[DetailLine], object]:
        """Return the lines of the details, and what they are about."""
        trace, base = self.view.trace, self._base
        if base.against is not None:
            different = self.difference.row
            if different is None:
                return [], None
            # Spans of two tests may have one number in one run: plans are of this test's.
            reading = replace(self.reading, plans={}) if self._of_other(different.line) else self.reading
            lines = describe_line(different.line, trace, base.trace, reading)
            return lines, (base.against, base.other, different.key)
        row, pinned = self.view.row, self.view.pinned
        if pinned is not None:
            row = Row(pinned, 0)
        return (describe(row, trace, self.reading), row.key) if row is not None else ([], None)

    def on_resize(self, event: events.Resize) -> None:
        """Put the details where there is room, and the picture of the trace if there is not enough."""
        self.set_class(event.size.width >= _BESIDE, "-beside")
        self.call_after_refresh(self.minimap.follow)

    # --- what the registry calls ---------------------------------------------------------------------

    @property
    def row(self) -> Row | None:
        """What the user looks at."""
        if self._base.against is not None:
            different = self.difference.row
            return Row(different.line.span, 0) if different is not None else None
        return self.view.row

    def place(self) -> Place | None:
        """Return the line that the user looks at: the frame, else where the span or one above it began."""
        row = self.row
        found = self.details.place()
        if found is not None or row is None:
            return found
        if row.note is not None and (found := place_of(row.note.attributes)) is not None:
            return found
        span: SpanNode | None = row.span
        while found is None and span is not None:
            found = place_of(span.attributes)
            span = span.parent
        return found

    def action_trace_source(self) -> None:
        """Open the frame or the span's line in the user's editor."""
        found = self.place()
        if found is None:
            self.notify("no line is known of this span, nor of one above it", markup=False, timeout=3)
        else:
            self.post_message(SourceWanted(*found))

    def action_trace_copy(self) -> None:
        """Copy what the row is about; in the details, the line under the cursor."""
        line, row = self.details.line, self.row
        if self.details.has_focus and line is not None:
            what, text = "line", "".join(text for text, _ in line).strip()
        elif row is not None:
            what, text = copied(row)
        else:
            return
        self.app.copy_to_clipboard(text)
        self.notify(f"copied the {what}, {plural(len(text), 'character')}", markup=False, timeout=2)

    def action_trace_explain(self) -> None:
        """Ask what the query costs on the database that the test has left."""
        row = self.row
        statement = filled(row.span.attributes) if row is not None and row.note is None else None
        problem = ""
        if row is None or statement is None or row.span.attribute("db.system.name") != "postgresql":
            problem = "EXPLAIN is for queries of PostgreSQL"
        elif statement.is_cut:
            problem = "the query was too long to be kept as a whole"
        elif statement.missing:
            problem = f"{plural(statement.missing, 'argument')} of the query not known in full"
        elif (run := self._run_of(row)) is None:
            problem = "it is the other test's query: explain it there"
        else:
            self.reading.plans[run, row.span.id] = None
            database = str(row.span.attribute("db.namespace"))
            self.post_message(self.PlanWanted(run, row.span.id, statement.sql, database))
            self.show_details(on_=True)
        if problem:
            self.notify(problem, markup=False, timeout=3)

    def _run_of(self, row: Row) -> int | None:
        """Return the run of this test that a compared span is of; None for another test's."""
        trace = self.view.trace
        if trace.spans.get(row.span.id) is row.span:
            return trace.run
        return self._base.run if self._base.against != "other" else None

    def _of_other(self, line: SpanLine) -> bool:
        return self._base.against == "other" and not line.now
