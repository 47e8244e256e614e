"""The lines above the tabs: which test, how it ended, where it is, why it ran or did not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from textual.content import Content

from enctest_tui.facts import Details
from enctest_tui.node import NONE, OUTDATED, TOTAL, Node
from enctest_tui.outcomes import INKS, OUTCOMES, SHAPES
from enctest_tui.outcomes import OUTDATED as OUTDATED_MARK
from enctest_tui.text import clean, duration, fit, plural, wrap
from enctest_tui.users import UserRow
from enctest_tui.why import Reason
from enctest_tui.widgets.bar import Bar, both_ends

QUIET = "$foreground 58%"
COLOURS = {
    "good": "$text-success", "bad": "$text-error", "warn": "$text-warning", "dim": QUIET,
    "accent": "$text-primary", "outdated": "$text-warning 75%",
}  # fmt: skip
_NAMES = re.compile(r"`([^`]*)`")


def coloured(outcome: str) -> str:
    """Return the colour of an outcome as Textual writes styles."""
    return COLOURS[INKS[outcome]]


class Headline(Bar):
    """Name, outcome and reasons of what is selected."""

    MOST: ClassVar[int] = 8
    """Lines at most."""

    def __init__(self) -> None:
        super().__init__(id="headline")
        self._node: Node | None = None
        self._use: UserRow | None = None
        self._details = Details()
        self._reasons: tuple[Reason, ...] = ()

    def show(self, node: Node | None, details: Details, reasons: Iterable[Reason] = ()) -> None:
        """Say what is selected."""
        self._node, self._details, self._reasons = node, details, tuple(reasons)
        self._use = None
        self.redraw()

    def show_use(self, use: UserRow) -> None:
        """Say which file or function is selected in the tests turned round."""
        self._node, self._use = None, use
        self.redraw()

    def words(self) -> Content:
        """Return the lines: two, and those of the reasons."""
        node, width = self._node, self.room
        if self._use is not None:
            return Content("\n").join(_use_lines(self._use, width))
        if node is None:
            return Content("")
        if not node.is_test:
            return Content("\n").join([_group_line(node, width), _counts_line(node)])
        lines = [_test_line(node, width), _place_line(node, self._details, width)]
        lines += [line for reason in self._reasons for line in _reason_lines(reason, width)]
        return Content("\n").join(lines[: self.MOST])


def _test_line(node: Node, width: int) -> Content:
    group = node.parent
    name = f"{group.name}{node.name}" if group is not None and group.kind == "function" else node.name
    return both_ends(Content.styled(clean(name), "bold"), _state(node), width)


def _state(node: Node) -> Content:
    outcome = node.outcome or "none"
    time = f"  {duration(node.duration_ms)}" if node.duration_ms else ""
    match node.standing:
        case "running":
            return Content.styled("◌ running", COLOURS["accent"])
        case "new":
            return Content.styled(f"{SHAPES[outcome]} not run yet", QUIET)
        case "outdated":
            style = f"{COLOURS['bad']} 70%" if node.bad else QUIET
            return Content.assemble(
                (f"{OUTDATED_MARK} outdated", COLOURS["outdated"]),
                (f"  {SHAPES[outcome]} {outcome} before{time}", style),
            )
        case "fresh":
            style = coloured(outcome)
            return Content.assemble((SHAPES[outcome], f"bold {style}"), (f" {outcome}{time}", style))


def _place_line(node: Node, details: Details, width: int) -> Content:
    path, line = (details.path, details.line) if details.test == node.id else ("", 0)
    where = clean(f"{path or node.path}:{line or node.line}")
    return Content.styled(fit(where, width), QUIET)


def _reason_lines(reason: Reason, width: int) -> list[Content]:
    """Return a sentence on as many lines as it takes, the sign before the first, names standing out."""
    sign, ink, sentence = reason
    text, names = _plain(clean(sentence))
    indent = 0 if sign == " " else 2
    lines, at = [], 0
    for piece in wrap(text, max(10, width - indent)):
        line = Content.styled(piece, QUIET)
        for start, end in names:
            first, last = max(start - at, 0), min(end - at, len(piece))
            if first < last:
                line = line.stylize("$foreground 90%", first, last)
        head = (f"{sign} " if not at else "  ") if indent else ""
        lines.append(Content.assemble((head, COLOURS[ink]), line))
        at += len(piece)
    return lines


def _plain(sentence: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a sentence without its backticks, and where the names are that stood between them."""
    text, names, at = "", [], 0
    for found in _NAMES.finditer(sentence):
        text += sentence[at : found.start()]
        names.append((len(text), len(text) + len(found.group(1))))
        text += found.group(1)
        at = found.end()
    return text + sentence[at:], names


def _group_line(node: Node, width: int) -> Content:
    right = Content.styled(plural(node.counts[TOTAL], "test"), QUIET)
    return both_ends(Content.styled(clean(node.id), "bold"), right, width)


def _counts_line(node: Node) -> Content:
    parts = [
        Content.styled(f"{SHAPES[outcome]} {node.counts[place]:,} {outcome}", coloured(outcome))
        for place, outcome in enumerate(OUTCOMES)
        if node.counts[place]
    ]
    if node.counts[OUTDATED]:
        parts.append(
            Content.styled(f"{OUTDATED_MARK} {node.counts[OUTDATED]:,} outdated", COLOURS["outdated"])
        )
    if node.counts[NONE]:
        parts.append(Content.styled(f"· {node.counts[NONE]:,} not run", QUIET))
    return Content("   ").join(parts)


def _use_lines(use: UserRow, width: int) -> list[Content]:
    right = Content.styled(plural(use.count, "test"), QUIET)
    line = f":{use.line}" if use.line else ""
    needed = "run it" if use.kind == "function" else "need it"
    return [
        both_ends(Content.styled(clean(use.name), "bold"), right, width),
        Content.styled(fit(f"{clean(use.path)}{line}   the tests below {needed}", width), QUIET),
    ]
