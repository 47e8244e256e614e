"""One trace as the findings look at it: what the project's own code did in the call phase."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from enctest.tracing.findings.source import Site, Sources
from enctest.tracing.model import Node, Trace, walk

_STRUCTURE = frozenset({"test", "phase", "fixture"})
_REQUESTS = frozenset({"server", "consumer"})
_OF_TESTS = re.compile(r"(?:^|/)(?:tests?/.*|conftest\.py|test_[^/]*\.py|[^/]*_test\.py)$")


class Scene:
    """A test's trace.

    Args:
        trace: The spans.
        sources: Where call sites are looked up.

    Attributes:
        calls: Spans below the call phase, depth first.
        owners: What asked for each of them: the nearest span above that is no query.
    """

    def __init__(self, trace: Trace, sources: Sources) -> None:
        self.trace = trace
        self.sources = sources
        self.calls: list[Node] = []
        self.owners: dict[Node, Node] = {}
        root = trace.root
        for phase in root.children if root is not None else ():
            if phase.kind == "phase" and phase.attributes.get("pytest.phase", phase.name) == "call":
                self._enter(phase)

    def _enter(self, phase: Node) -> None:
        stack = [(child, phase) for child in reversed(phase.children)]
        while stack:
            node, owner = stack.pop()
            if node.kind == "fixture":
                continue
            self.calls.append(node)
            self.owners[node] = owner
            below = owner if node.kind == "db" else node
            stack.extend((child, below) for child in reversed(node.children))

    @cached_property
    def root(self) -> Node | None:
        """The test's own span."""
        return self.trace.root

    def of_kind(self, kind: str) -> Iterator[Node]:
        """Yield spans of the call phase that are of a kind, depth first."""
        return (node for node in self.calls if node.kind == kind)

    @cached_property
    def _of_tests(self) -> set[str]:
        return {
            str(node.attributes["code.file.path"])
            for node in self.trace.nodes.values()
            if node.kind in {"test", "fixture"} and "code.file.path" in node.attributes
        }

    def is_of_tests(self, path: str) -> bool:
        """Tell whether a file holds tests, fixtures or their helpers: these may do as they like."""
        return path in self._of_tests or _OF_TESTS.search(path) is not None

    def place(self, node: Node) -> tuple[str, int] | None:
        """Return file and line in the application's code that a span was asked for at, if it was there."""
        path = node.attributes.get("code.file.path")
        if not isinstance(path, str) or self.is_of_tests(path):
            return None
        line = node.attributes.get("code.line.number")
        return path, line if isinstance(line, int) else 0

    def site(self, node: Node) -> Site | None:
        """Return what the source says of the line a span was asked for at, if it is the application's."""
        place = self.place(node)
        return self.sources.site(*place) if place is not None else None

    def within(self, node: Node) -> str:
        """Return the name of the application's span that a span is in; empty when the test itself asked."""
        owner = self.owners[node]
        return "" if owner.kind in _STRUCTURE else owner.name

    def is_one_act(self, node: Node) -> bool:
        """Tell whether what is below a span's owner is one request or call, not many that the test made."""
        return self.owners[node].kind not in _STRUCTURE

    def act(self, node: Node) -> Node | None:
        """Return the request or message that a span is part of, else the outermost call of the application.

        None when the test itself asked.
        """
        found: Node | None = None
        above = self.owners[node]
        while above.kind not in _STRUCTURE:
            found = above
            if above.kind in _REQUESTS:
                break
            above = self.owners[above]
        return found


def is_served_here(request: Node) -> bool:
    """Tell whether a request stays in the test's process: the application answers itself."""
    return any(node.kind == "server" for node in walk(request))


def shown(place: tuple[str, int] | None) -> str:
    """Return a call site as `file:line`."""
    return f"{place[0]}:{place[1]}" if place is not None else ""


def numbers(nodes: Iterable[Node]) -> tuple[int, ...]:
    """Return the numbers of spans."""
    return tuple(node.span for node in nodes)
