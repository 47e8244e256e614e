"""The two lines above the tabs: which test, how it ended, where it is, why it ran."""

from __future__ import annotations

from textual.content import Content

from enctest_tui.model import Details
from enctest_tui.node import BAD, NONE, OUTDATED, TOTAL, Node
from enctest_tui.outcomes import OUTCOMES, SHAPES
from enctest_tui.text import clean, duration, fit, one_line, plural
from enctest_tui.widgets.bar import Bar, both_ends

COLOURS = {"good": "$text-success", "bad": "$text-error", "warn": "$text-warning", "dim": "$foreground 58%"}
_LOOKS = {
    "passed": "good", "failed": "bad", "error": "bad", "crashed": "bad", "skipped": "dim", "xfailed": "dim",
    "xpassed": "warn", "none": "dim",
}  # fmt: skip


def coloured(outcome: str) -> str:
    """Return the colour of an outcome as Textual writes styles."""
    return COLOURS[_LOOKS[outcome]]


class Headline(Bar):
    """Name and outcome of what is selected."""

    def __init__(self) -> None:
        super().__init__(id="headline")
        self._node: Node | None = None
        self._details = Details()

    def show(self, node: Node | None, details: Details) -> None:
        """Say what is selected."""
        self._node, self._details = node, details
        self.redraw()

    def words(self) -> Content:
        """Return two lines."""
        node, width = self._node, self.room
        if node is None:
            return Content("")
        if node.is_test:
            return Content("\n").join([_test_line(node, width), _place_line(node, self._details, width)])
        return Content("\n").join([_group_line(node, width), _counts_line(node)])


def _test_line(node: Node, width: int) -> Content:
    outcome = node.outcome or "none"
    state: str = "running" if node.running else node.outcome or "not run yet"
    if node.outdated and not node.running and node.outcome:
        state += ", outdated"
    time = f"  {duration(node.duration_ms)}" if node.outcome and not node.running else ""
    right = Content.assemble(("◌" if node.running else SHAPES[outcome], "bold"), f" {state}{time}")
    right = right.stylize("$text-primary" if node.running else coloured(outcome))
    group = node.parent
    name = f"{group.name}{node.name}" if group is not None and group.kind == "function" else node.name
    return both_ends(Content.styled(clean(name), "bold"), right, width)


def _place_line(node: Node, details: Details, width: int) -> Content:
    where = clean(f"{details.path or node.path}:{details.line or node.line}")
    why = f"  {one_line(details.why)}" if details.why else ""
    return Content.styled(fit(where + why, width), "$foreground 55%")


def _group_line(node: Node, width: int) -> Content:
    right = Content.styled(plural(node.counts[TOTAL], "test"), "$foreground 55%")
    return both_ends(Content.styled(clean(node.id), "bold"), right, width)


def _counts_line(node: Node) -> Content:
    parts = [
        Content.styled(f"{SHAPES[outcome]} {node.counts[place]:,} {outcome}", coloured(outcome))
        for place, outcome in enumerate(OUTCOMES)
        if node.counts[place]
    ]
    if node.counts[NONE]:
        parts.append(Content.styled(f"· {node.counts[NONE]:,} not run", "$foreground 55%"))
    if node.counts[OUTDATED] and node.counts[BAD] != node.counts[OUTDATED]:
        parts.append(Content.styled(f"○ {node.counts[OUTDATED]:,} outdated", "$foreground 55%"))
    return Content("   ").join(parts)
