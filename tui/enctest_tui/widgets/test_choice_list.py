"""All tests, flat, to choose one of them."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment

from enctest_tui.node import Node
from enctest_tui.rows import matcher
from enctest_tui.testtree import TestTree
from enctest_tui.text import clean, duration, fit
from enctest_tui.widgets.line_view import LineView
from enctest_tui.widgets.signs import mark, shape

_TIME = 9
_GAP = 2


class TestChoiceList(LineView):
    """One line per test, in the suite's order: signs, name, file, duration.

    Args:
        tree: Where the tests are.
        without: The id of one that is not offered; the cursor begins at what follows it.
    """

    __test__ = False

    def __init__(self, tree: TestTree, without: str, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        every = list(tree.root.tests())
        self._first = next((at for at, test in enumerate(every) if test.id == without), 0)
        self._offered = [test for test in every if test.id != without]
        self.tests = self._offered

    def empty(self) -> str:
        """Return what to say when there are no lines."""
        return "no test matches" if self._offered else "there is no other test"

    @property
    def selected(self) -> Node | None:
        """The test under the cursor."""
        return self.tests[self.cursor] if self.cursor < len(self.tests) else None

    @property
    def offered(self) -> int:
        """How many there are to choose from."""
        return len(self._offered)

    def show_only(self, text: str) -> None:
        """Offer only what a filter asks for, with the cursor on the first; empty offers all."""
        match = matcher(text)
        self.tests = self._offered if match is None else [test for test in self._offered if match(test)]
        self.set_lines(len(self.tests))
        self.go_to(self.validate_cursor(self._first) if match is None else 0, middle=True)
        self.refresh()

    def draw(self, index: int, width: int) -> list[Segment]:
        """Return one row; where there is little room, the file goes first."""
        test = self.tests[index]
        known = test.outcome is not None
        left = [Segment(" ")] + [
            Segment(f"{sign} ", self.ink(ink)) for sign, ink in (mark(test), shape(test, 0))
        ]
        time = duration(test.duration_ms) if known else "not run"
        room = width - sum(segment.cell_length for segment in left) - _GAP - _TIME - 1
        name = fit(clean(test.id.removeprefix(f"{test.path}::")), max(1, room))
        left.append(Segment(f"{name}{'':{_GAP}}", self.ink("plain" if known else "dim")))
        room -= cell_len(name)
        place = fit(clean(test.path), room) if room > _TIME else ""
        left.append(Segment(place, self.ink("faint")))
        rest = max(0, room - cell_len(place))
        return [*left, Segment(" " * rest), Segment(f"{time:>{_TIME}} ", self.ink("faint"))]
