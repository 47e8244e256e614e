"""The Failure tab: pytest's long representation, with what matters standing out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from enctest_tui import places
from enctest_tui.facts import Details
from enctest_tui.node import Node
from enctest_tui.outcomes import INKS, SHAPES
from enctest_tui.text import clean, one_line
from enctest_tui.widgets.text_view import Piece, TextView

Line = list[Piece]

_PLACE = re.compile(r"^(\S.*?:\d+): ?(.*)$")
_RULE = re.compile(r"^([_=-])(?: ?\1){9,}|^([_=-])\2{2,} .* \2{3,}$")


class FailureView(TextView):
    """Why the selected test failed; for a folder or file, what failed in it."""

    HAS_CURSOR = True

    def show_details(self, details: Details, above: Sequence[Line] = (), died_in: str = "") -> None:
        """Show one test's failure below what has to be known before it is read.

        `died_in` names the spans that were open when the worker died.
        """
        self.message = _nothing(details)
        failure = details.failure or details.message
        lines = [*above, *_crash(details, died_in), *colour(failure)] if failure else []
        self.show(lines)
        reason = next((at for at, line in enumerate(lines) if line[:1] == [("E", "bad")]), 0)
        self.call_after_refresh(self.show_from, reason)

    def place(self) -> tuple[str, int] | None:
        """Return file and line of the frame that the cursor is in: pytest writes them below its source."""
        if not self._parts:
            return None
        here = self._parts[min(self.cursor, len(self._parts) - 1)][0]
        for number in (*range(here, len(self._lines)), *range(here, -1, -1)):
            text = "".join(part for part, _ in self._lines[number])
            found = next(places.find(text, self.root), None)
            if found is not None:
                return found.path, found.line
        return None

    def show_group(self, group: Node) -> None:
        """Show what failed below a group, a line each."""
        self.message = "nothing failed here"
        self.show([line for test in group.tests() if test.bad for line in _summary(test)])


def _crash(details: Details, died_in: str) -> list[Line]:
    """Return what stands above the last output of a worker that died; nothing for other failures."""
    if details.outcome != "crashed" or not details.failure:
        return []
    return [
        [("† ", "bad"), (one_line(details.message or "the worker died"), "bad-strong")],
        *([[("  in ", "dim"), (clean(died_in), "plain")]] if died_in else []),
        [],
        [("The last it printed:", "dim")],
        [],
    ]


def _nothing(details: Details) -> str:
    if details.running:
        return "running…"
    if not details.known or details.outcome is None:
        return "not run yet"
    return f"{details.outcome}: nothing to explain"


def _summary(test: Node) -> Iterable[Line]:
    outcome = test.outcome or "none"
    yield [(f"{SHAPES[outcome]} ", INKS[outcome]), (clean(test.id), "strong")]
    if test.message:
        yield [("  ", "plain"), (one_line(test.message), "bad")]
    yield []


def colour(failure: str) -> list[Line]:
    """Return a long representation line by line: errors red, the failing line bold, places in colour."""
    lines = failure.expandtabs(4).strip("\n").split("\n")
    return [_colour_line(clean(line)) for line in lines]


def _colour_line(line: str) -> Line:
    if line.startswith("E "):
        return _error_line(line)
    if line.startswith(">"):
        return [(">", "bad"), (line[1:], "strong")]
    if _RULE.match(line):
        return [(line, "faint")]
    place = _PLACE.match(line)
    if place is not None:
        return [(place.group(1), "accent"), (": ", "dim"), (place.group(2), "bad")]
    return [(line, "dim" if line.startswith("    ") else "plain")]


def _error_line(line: str) -> Line:
    """Colour one `E` line; the differences that pytest prints are red, green and quiet."""
    rest = line[1:].lstrip()
    if rest.startswith("+ ") and not rest.startswith("+  where"):
        return [("E", "bad"), (line[1:], "good")]
    if rest.startswith(("? ", "+  where", "and ", "Use -v")) or rest == "...":
        return [("E", "bad"), (line[1:], "dim")]
    return [("E", "bad"), (line[1:], "bad" if rest.startswith("- ") else "bad-strong")]
