"""Findings, statistics and the critical path of a trace as lines of plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from enctest.events import Finding
from enctest.tracing.critical_path import Step
from enctest.tracing.model import Node
from enctest.tracing.statistics import Operation
from enctest.tracing.text import duration

_WIDTH = 100
_NAME = 60
_INDENT = "    "


def render_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield what was found: what, where, why; nothing where nothing was."""
    if findings:
        yield f"{len(findings)} finding{'s' * (len(findings) > 1)}"
    for finding in findings:
        place = f"  {finding.place}" if finding.place else ""
        yield f"  {finding.kind}: {finding.title}{place}"
        yield from textwrap.wrap(finding.why, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)


def render_statistics(operations: Iterable[Operation[Node]]) -> Iterator[str]:
    """Yield a table of operations."""
    yield f"{'count':>6} {'total':>9} {'self':>9} {'median':>9} {'longest':>9} {'share':>6}  operation"
    for one in operations:
        times = " ".join(f"{duration(ns):>9}" for ns in (one.total, one.own, one.typical, one.longest))
        yield f"{one.count:>6} {times} {one.share:>6.1%}  {_named(one.spans[0])}"


def render_path(steps: Iterable[Step[Node]], whole_ns: int) -> Iterator[str]:
    """Yield a table of the spans that decided how long the test took, with the time each took itself."""
    yield f"{'on path':>9} {'share':>6}  span"
    for step in steps:
        share = step.own / max(1, whole_ns)
        yield f"{duration(step.own):>9} {share:>6.1%}  {'  ' * step.depth}{_named(step.span)}"


def _named(node: Node) -> str:
    name = node.name if len(node.name) <= _NAME else f"{node.name[:_NAME]}…"
    return f"{name}  [{node.kind}]"
