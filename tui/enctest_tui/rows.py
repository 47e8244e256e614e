"""The visible rows of the test tree: which groups are open, what the filter leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from enctest_tui.figures import Order, sorted_by
from enctest_tui.node import BAD, NONE, OUTDATED, TOTAL, Node, ordered
from enctest_tui.outcomes import BAD_PLACES
from enctest_tui.testtree import TestTree

SMALL = 150
"""Tests a project may have for its files to be open from the start."""

Match = Callable[[Node], bool]


def matcher(text: str) -> Match | None:
    """Return what a filter asks for: words of the node id, `is:failed`, `mark:slow`; None for nothing."""
    conditions: list[Match] = []
    for word in text.lower().split():
        field, colon, value = word.partition(":")
        if colon and field == "is" and value:
            conditions.append(_is(value))
        elif colon and field == "mark" and value:
            conditions.append(_has_mark(value))
        else:
            conditions.append(_has_word(word))
    if not conditions:
        return None
    return lambda test: all(condition(test) for condition in conditions)


def _has_word(word: str) -> Match:
    return lambda test: word in test.id.lower()


def _has_mark(name: str) -> Match:
    return lambda test: any(mark.startswith(name) for mark in test.markers)


def _is(state: str) -> Match:
    if "running".startswith(state):
        return lambda test: test.running
    if "outdated".startswith(state):
        return lambda test: test.standing == "outdated"
    if "fresh".startswith(state):
        return lambda test: test.standing == "fresh"
    if "failed".startswith(state):
        return lambda test: test.bad
    return lambda test: (test.outcome or "new").startswith(state)


class Rows:
    """Visible nodes, top to bottom.

    Attributes:
        nodes: The rows.
        cursor: Index of the selected row; stays on its node when rows come and go.
        filter: What the user typed.
        order: How tests are sorted; in another order than the suite's there are no groups.
        matches: How many tests the filter leaves.
        cost: Seconds that computing all rows took last time.
    """

    def __init__(self, tree: TestTree) -> None:
        self.tree = tree
        self.nodes: list[Node] = []
        self.cursor = 0
        self.filter = ""
        self.order: Order = "suite"
        self.matches = 0
        self.cost = 0.0
        self._match: Match | None = None
        self._built = (-1, 0)

    @property
    def selected(self) -> Node | None:
        """The node under the cursor."""
        return self.nodes[self.cursor] if self.cursor < len(self.nodes) else None

    def is_open(self, group: Node) -> bool:
        """Say whether the children of a group are shown."""
        if self._match is not None:
            return True
        if group.expanded is not None:
            return group.expanded
        if group.kind == "file":
            return self.tree.root.counts[TOTAL] <= SMALL
        return group.kind != "function"

    def set_filter(self, text: str) -> None:
        """Show only the tests that `text` asks for, with the groups above them."""
        self.filter = text
        self._match = matcher(text)
        self.rebuild()

    @property
    def is_flat(self) -> bool:
        """Whether the rows are tests alone, sorted."""
        return self.order != "suite"

    def set_order(self, order: Order) -> None:
        """Sort the tests; the cursor stays on its test."""
        self.order = order
        self.rebuild()

    def refresh(self) -> bool:
        """Bring the rows up to date with the tree; say whether anything was done."""
        if not self.is_stale:
            return False
        self.rebuild()
        return True

    @property
    def is_stale(self) -> bool:
        """Whether rows may have come or gone since they were computed."""
        return self._built != self._version() or "is:" in self.filter

    def _version(self) -> tuple[int, int]:
        return self.tree.structure, self.tree.runs if self.is_flat else 0

    def rebuild(self) -> None:
        """Compute all rows; the cursor stays on its node, else on the nearest group that is left."""
        began = time.perf_counter()
        anchor = self.selected
        self._built = self._version()
        if self.is_flat:
            tests = [test for test in self.tree.tests.values() if self._match is None or self._match(test)]
            self.matches = len(tests)
            self.nodes = sorted_by(self.order, tests)
        elif self._match is None:
            self.nodes = []
            self._show(self.tree.root, self.nodes)
        else:
            self.matches = 0
            self.nodes = self._matching(self.tree.root, self._match)[1:]
        self._return_to(anchor)
        self.cost = time.perf_counter() - began

    def _show(self, group: Node, into: list[Node]) -> None:
        for child in ordered(group):
            into.append(child)
            if child.children and self.is_open(child):
                self._show(child, into)

    def _matching(self, group: Node, match: Match) -> list[Node]:
        rows = [group]
        for child in ordered(group):
            if child.is_test:
                if match(child):
                    rows.append(child)
                    self.matches += 1
            else:
                below = self._matching(child, match)
                if len(below) > 1:
                    rows += below
        return rows

    def _return_to(self, anchor: Node | None) -> None:
        if anchor is None:
            self.cursor = 0
            return
        current = anchor if not anchor.is_test else self.tree.tests.get(anchor.id, anchor)
        for node in (current, *current.ancestors()):
            index = self._index_of(node)
            if index is not None:
                self.cursor = index
                return
        self.cursor = max(0, min(self.cursor, len(self.nodes) - 1))

    def _index_of(self, node: Node) -> int | None:
        if self.cursor < len(self.nodes) and self.nodes[self.cursor] is node:
            return self.cursor
        try:
            return self.nodes.index(node)
        except ValueError:
            return next(
                (at for at, row in enumerate(self.nodes) if row.id == node.id and row.kind == node.kind), None
            )

    # --- folding: only the rows concerned are touched ------------------------------------------------

    def fold(self, index: int, open_: bool) -> bool:
        """Open or close the group at `index`; say whether that changed anything."""
        group = self.nodes[index]
        if group.is_test or self._match is not None or self.is_open(group) == open_:
            return False
        group.expanded = open_
        group.stamp += 1
        if open_:
            below: list[Node] = []
            self._show(group, below)
            self.nodes[index + 1 : index + 1] = below
            removed = -len(below)
        else:
            end = self._end(index)
            removed = end - index - 1
            del self.nodes[index + 1 : end]
        if self.cursor > index:
            self.cursor = max(index, self.cursor - removed)
        return True

    def _end(self, index: int) -> int:
        depth = self.nodes[index].depth
        end = index + 1
        while end < len(self.nodes) and self.nodes[end].depth > depth:
            end += 1
        return end

    def fold_all(self, open_: bool) -> None:
        """Open or close every group; closed, the folders still show their files."""
        for group in _all_groups(self.tree.root):
            group.expanded = open_ or group.kind == "folder"
        self.rebuild()

    def parent(self, index: int) -> int | None:
        """Return the row of the group above a row."""
        depth = 0 if self.is_flat else self.nodes[index].depth
        return next((at for at in range(index - 1, -1, -1) if self.nodes[at].depth < depth), None)

    def reveal(self, test: Node) -> int | None:
        """Open the groups above a test and put the cursor on it; None when the filter hides it."""
        closed = [group for group in test.ancestors() if not (self.is_flat or self.is_open(group))]
        for group in closed:
            group.expanded = True
        if closed:
            self.rebuild()
        index = self._index_of(test)
        if index is not None:
            self.cursor = index
        return index

    # --- failures ------------------------------------------------------------------------------------

    def next_bad(self, step: int) -> Node | None:
        """Return the failing test after (1) or before (-1) the cursor, going round at the ends.

        Under a filter, only among those that it leaves.
        """
        start = self.selected
        if self._match is not None or self.is_flat:
            return self._next_bad_left(step)
        chain = {start, *start.ancestors()} if start is not None else set()
        found: list[Node] = []
        place = _walk_bad(self.tree.root, chain, start, found)
        if not found:
            return start if start is not None and start.is_test and start.bad else None
        return found[place % len(found)] if step > 0 else found[place - 1]

    def _next_bad_left(self, step: int) -> Node | None:
        places = [place for place, node in enumerate(self.nodes) if node.is_test and node.bad]
        if not places:
            return None
        beyond = [place for place in places[::step] if (place - self.cursor) * step > 0]
        return self.nodes[(beyond or places[::step])[0]]


def _walk_bad(group: Node, chain: set[Node], start: Node | None, found: list[Node]) -> int:
    """Collect failing tests other than `start`, in order; return how many come before it.

    Groups without failures are entered only on the way to `start`.
    """
    place = 0
    for child in ordered(group):
        if child is start:
            place = len(found)
            if not child.is_test:
                _walk_bad(child, chain, start, found)
        elif child.is_test:
            if child.bad:
                found.append(child)
        elif child.bad or child in chain:
            below = _walk_bad(child, chain, start, found)
            place = below if child in chain else place
    return place


def _all_groups(group: Node) -> Iterable[Node]:
    for child in group.children.values():
        if not child.is_test:
            yield child
            yield from _all_groups(child)


def rolled_up(node: Node) -> str:
    """Return the outcome a row shows: of a group the worst below, `none` if nothing ran."""
    if node.is_test:
        return node.outcome or "none"
    counts = node.counts
    passed, failed, error, crashed, skipped, xfailed, xpassed = counts[:NONE]
    if counts[BAD]:
        return "crashed" if crashed else "error" if error and not failed else "failed"
    if counts[NONE] == counts[TOTAL]:
        return "none"
    if passed or counts[OUTDATED]:
        return "passed"
    return "xpassed" if xpassed else "skipped" if skipped >= xfailed else "xfailed"


def is_old(node: Node) -> bool:
    """Say whether what a row shows may no longer hold: of a group, as long as anything below is not fresh.

    A failure that is fresh holds for the groups above it, whatever else there is.
    """
    if node.is_test:
        return node.standing == "outdated"
    counts = node.counts
    if counts[BAD]:
        return not any(counts[place] for place in BAD_PLACES)
    return bool(counts[OUTDATED] or counts[NONE])
