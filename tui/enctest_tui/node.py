"""A node of the test tree and its counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from enctest.events import BAD_OUTCOMES, Figures, Miss, Outcome, TestInfo
from enctest_tui.outcomes import OUTCOMES

Kind = Literal["root", "folder", "file", "class", "function", "test"]
Standing = Literal["running", "new", "outdated", "fresh"]
"""How much a test's outcome is worth: `new` has none, that of an `outdated` test is of other code."""

PASSED = OUTCOMES.index("passed")
NONE = len(OUTCOMES)
"""Place in `Node.counts` of the tests without an outcome; before it are those that are fresh, by outcome."""
TOTAL = NONE + 1
RUNNING = NONE + 2
OUTDATED = NONE + 3
"""Tests with an outcome that a change has reached since; with those before `TOTAL` they add up to it."""
BAD = NONE + 4
"""Tests that failed last, outdated or not."""
SIZE = NONE + 5
_PLACES: dict[str | None, int] = {None: NONE, **{outcome: place for place, outcome in enumerate(OUTCOMES)}}

UNCOLLECTED = "could not be collected"
"""Name of the row that stands for a file's failed collection; its node id is the file's."""
THIS_FOLDER = "this folder"
"""Name of the row in the place of a file when a whole folder could not be collected."""


class Node:
    """One row's worth of tree: a group of tests or, with `kind` "test", a test.

    Attributes:
        id: The node id, or the path of a folder.
        counts: Of a group: number of fresh tests below by outcome, then `NONE`, `TOTAL`, `RUNNING`...
        expanded: What the user, or a failure, decided; None leaves it to the size of the project.
        outdated: Whether a change has reached this test since it ran; `outdated_by` is the change's number.
        stamp: Grows with every change that can be seen in the row.
        warm: What the warm session said of a test where a fresh process said otherwise; that is `outcome`.
        miss: What an audit found of a test that selection had left out.
        figures: What this test's last trace adds up to; `base` is that of the last pass before.
    """

    __slots__ = (
        "base", "children", "counts", "depth", "duration_ms", "expanded", "figures", "id", "in_order", "kind",
        "line", "markers", "message", "miss", "name", "outcome", "outdated", "outdated_by", "parent", "path",
        "running", "stamp", "warm",
    )  # fmt: skip

    def __init__(self, kind: Kind, name: str, id: str, parent: Node | None, path: str = "") -> None:  # noqa: A002 - pytest's word
        self.kind = kind
        self.name = name
        self.id = id
        self.parent = parent
        self.path = path
        self.depth: int = parent.depth + 1 if parent is not None else -1
        self.children: dict[str, Node] = {}
        self.counts = [0] * SIZE if kind != "test" else _NO_COUNTS
        self.expanded: bool | None = None
        self.in_order = True
        self.stamp = 0
        self.line = 0
        self.markers: tuple[str, ...] = ()
        self.outcome: Outcome | None = None
        self.duration_ms = 0.0
        self.message = ""
        self.outdated = False
        self.outdated_by = 0
        self.running = False
        self.warm: Outcome | None = None
        self.miss: Miss | None = None
        self.figures: Figures | None = None
        self.base: Figures | None = None

    @property
    def is_test(self) -> bool:
        """Whether this is one test, not a group."""
        return self.kind == "test"

    @property
    def bad(self) -> bool:
        """Whether this test, or one below, needs work."""
        return self.outcome in BAD_OUTCOMES if self.kind == "test" else self.counts[BAD] > 0

    @property
    def standing(self) -> Standing:
        """How much this test's outcome is worth."""
        if self.running:
            return "running"
        return "new" if self.outcome is None else "outdated" if self.outdated else "fresh"

    def tests(self) -> Iterator[Node]:
        """Yield the tests at or below this node, in order."""
        if self.kind == "test":
            yield self
            return
        for child in ordered(self):
            yield from child.tests()

    def ancestors(self) -> Iterator[Node]:
        """Yield the groups above, nearest first, without the root."""
        node = self.parent
        while node is not None and node.parent is not None:
            yield node
            node = node.parent


_NO_COUNTS: list[int] = []


def ordered(group: Node) -> Iterable[Node]:
    """Return a group's children: folders by name, then files by name; within files as collected."""
    if not group.in_order:
        items = sorted(group.children.items(), key=lambda item: (item[1].kind != "folder", item[1].name))
        group.children = dict(items)
        group.in_order = True
    return group.children.values()


def split(info: TestInfo) -> list[str]:
    """Return the parts of a node id below its file: classes, then `test_x`, or that and `[parameters]`."""
    rest = info.test.removeprefix(info.path).removeprefix("::")
    if not rest or "::" not in info.test:
        return [UNCOLLECTED]
    head, bracket, parameters = rest.partition("[")
    parts = head.split("::")
    return [*parts, bracket + parameters] if bracket else parts


def state_places(test: Node) -> tuple[int, ...]:
    """Return the places of `Node.counts` that the state of a test adds one to."""
    outcome = test.outcome
    place = OUTDATED if test.outdated and outcome is not None else _PLACES[outcome]
    flags = (RUNNING,) if test.running else ()
    return (place, BAD, *flags) if outcome in BAD_OUTCOMES else (place, *flags)


def tally(group: Node, places: Iterable[int]) -> None:
    """Add one to these counts of a group."""
    counts = group.counts
    for place in places:
        counts[place] += 1
    group.stamp += 1


def groups(group: Node) -> Iterator[Node]:
    """Yield the groups below `group`."""
    for child in group.children.values():
        if not child.is_test:
            yield child
            yield from groups(child)


def opened(group: Node) -> dict[str, bool]:
    """Return which groups at or below `group` were opened or closed, by id."""
    return {node.id: node.expanded for node in (group, *groups(group)) if node.expanded is not None}


def info_of(test: Node) -> TestInfo:
    """Return what collection said of a test."""
    return TestInfo(test=test.id, path=test.path, line=test.line, markers=test.markers)
