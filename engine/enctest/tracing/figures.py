"""A test's trace in a few numbers, for lists of many tests."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from enctest.events.findings import Figures
from enctest.tracing.model import Node, Trace

_COMMANDS = frozenset({"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "DEALLOCATE"})
"""What drivers send of their own accord."""
_ASKS = frozenset({"db", "client"})
_PER_MS = 1e6


def figures(trace: Trace, findings: int = 0) -> Figures:
    """Return what a trace adds up to; what fixtures did for several tests is nobody's in particular.

    Args:
        trace: The spans of one run of a test.
        findings: How many things were found.
    """
    own = list(_of_the_test(trace.tops()))
    queries = [node for node in own if node.kind == "db"]
    call = next((node for node in own if node.kind == "phase" and node.name == "call"), None)
    own_ms = 0.0
    if call is not None:
        asked = (node for node in _of_the_test([call]) if node.kind in _ASKS)
        own_ms = (call.duration_ns() - in_all_ns(asked, call.start_ns + call.duration_ns())) / _PER_MS
    return Figures(
        queries=sum(str(node.attributes.get("db.operation.name")) not in _COMMANDS for node in queries),
        requests=sum(node.kind == "client" for node in own),
        self_ms=own_ms,
        db_ms=in_all_ns(queries) / _PER_MS,
        spans=len(trace),
        findings=findings,
    )


def _of_the_test(tops: Iterable[Node]) -> Iterator[Node]:
    """Yield spans and what is below them, but for fixtures that several tests share."""
    stack = list(tops)
    while stack:
        node = stack.pop()
        if node.kind == "fixture" and node.attributes.get("pytest.fixture.shared"):
            continue
        yield node
        stack.extend(node.children)


def in_all_ns(nodes: Iterable[Node], until_ns: int = sys.maxsize) -> int:
    """Return the time that spans take together, the parts that overlap once, and none after `until_ns`."""
    total = reached = 0
    for node in sorted(nodes, key=lambda node: node.start_ns):
        end = min(node.start_ns + node.duration_ns(), until_ns)
        begin = max(node.start_ns, reached)
        if end > begin:
            total += end - begin
            reached = end
    return total
