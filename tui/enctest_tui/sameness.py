"""Which spans did the same, with all that is below them, so that a run of them can be shown as one."""

from __future__ import annotations

from enctest_tui.spans import SpanNode
from enctest_tui.wording import label

ALONE = 0
"""The shape of a span that is equal to none."""


class Shapes:
    """Numbers for subtrees: equal ones have the same.

    A span that is open, has failed, or in which something happened stands alone, as does what is above it.
    """

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._known: dict[int, tuple[int, int]] = {}

    def clear(self) -> None:
        """Forget all: other spans have these ids."""
        self._numbers.clear()
        self._known.clear()

    def of(self, span: SpanNode) -> int:
        """Return the number of what a span and all below it did; no recursion, as traces may be deep."""
        known = self._known
        stack = [span]
        while stack:
            top = stack[-1]
            found = known.get(top.id)
            if found is not None and found[0] == top.stamp:
                stack.pop()
                continue
            number = ALONE
            if top.end_ns is not None and not top.events and top.status != "error":
                unknown = [child for child in top.children if not self._is_known(child)]
                if unknown:
                    stack += unknown
                    continue
                below = tuple(known[child.id][1] for child in top.children)
                if ALONE not in below:
                    number = self._numbers.setdefault((said(top), below), len(self._numbers) + 1)
            known[top.id] = top.stamp, number
            stack.pop()
        return known[span.id][1]

    def _is_known(self, span: SpanNode) -> bool:
        found = self._known.get(span.id)
        return found is not None and found[0] == span.stamp


def said(span: SpanNode) -> tuple[str, str]:
    """Return what a span itself did: its kind, and the text of a query or else its label."""
    attributes = span.attributes
    text = attributes.get("db.query.text") or attributes.get("db.statement")
    return span.kind, str(text) if text else label(span)
