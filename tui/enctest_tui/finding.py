"""Spans that are looked for, in the waterfall's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enctest.tracing.likeness import key
from enctest_tui.spanquery import Known, Query, parse
from enctest_tui.spans import SpanNode


class Finder:
    """A search through one trace, and the places of its spans.

    Attributes:
        query: What is looked for; None while nothing is.
    """

    def __init__(self, known: Known) -> None:
        self.query: Query | None = None
        self._known = known
        self._trace = known.trace
        self._found: Sequence[SpanNode] = ()
        self._found_in: object = None

    def look_for(self, text: str) -> None:
        """Look for something else from now on; see `parse` for what can be said.

        Raises:
            EnctestError: It makes no sense; what was looked for before still is.
        """
        self.query = parse(text)

    def found(self) -> Sequence[SpanNode]:
        """Return the spans that match."""
        query = self.query
        if query is None:
            return ()
        asked = (query, self._trace.version, self._trace.run)
        if asked != self._found_in or self._trace.is_live:
            self._found_in = asked
            self._found = query.among(self._known.order(), self._known)
        return self._found

    def matches(self, span: SpanNode) -> bool:
        """Say whether a span is looked for."""
        return self.query is not None and self.query.matches(span, self._known)

    def where(self, test: Callable[[SpanNode], bool]) -> list[SpanNode]:
        """Return the spans for which something holds."""
        return [span for span in self._known.order() if test(span)]

    def like(self, span: SpanNode) -> list[SpanNode]:
        """Return the spans that do what this one does, values and numbers aside."""
        wanted = key(span)
        return [each for each in self._known.order() if each.kind == span.kind and key(each) == wanted]

    def place(self, spans: Sequence[SpanNode], here: SpanNode | None, step: int) -> int:
        """Return which of some spans comes next (1), before (-1) or is nearest (0), going round."""
        order = self._known.places()
        at = order.get(here.id, 0) if here is not None else 0
        if step < 0:
            before = [place for place, span in enumerate(spans) if order[span.id] < at]
            return before[-1] if before else len(spans) - 1
        after = (place for place, span in enumerate(spans) if order[span.id] >= at + step)
        return next(after, 0)
