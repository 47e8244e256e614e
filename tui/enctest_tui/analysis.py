"""What a trace gives away, as rows: findings, times by operation, the critical path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from enctest.events import Finding
from enctest.tracing.critical_path import steps
from enctest.tracing.statistics import statistics
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.text import clean, duration, one_line, plural
from enctest_tui.wording import label, statement

View = Literal["findings", "statistics", "critical-path"]
VIEWS: tuple[View, ...] = get_args(View)
TITLES: dict[View, str] = {
    "findings": "Findings", "statistics": "By operation", "critical-path": "Critical path",
}  # fmt: skip

Piece = tuple[str, str]
"""Text and the name of its ink."""

_WIDE = 90
_TIME = 8
_BAR = 10
_LITTLE = 0.01
_KIND = 22


@dataclass(frozen=True)
class Row:
    """One line.

    Attributes:
        left: What stands in columns; the last piece takes the room that is left.
        spans: Numbers of the spans it is about.
        about: What there is to say about it, line by line.
        weight: How much of the time it stands for.
    """

    left: Sequence[Piece]
    spans: tuple[int, ...]
    about: Sequence[Sequence[Piece]] = field(default_factory=list)
    weight: float = 0.0


def finding_rows(findings: Iterable[Finding], width: int) -> list[Row]:
    """Return a row for each finding: its kind where there is room, and what it is."""
    rows = []
    for each in findings:
        kind = f"{each.kind:<{_KIND}} " if width >= _WIDE else ""
        title = clean(each.title)
        where = [(f"at {clean(each.place)}", "dim")] if each.place else []
        count = [(f"{plural(len(each.spans), 'span')}", "faint")] if each.spans else []
        about: list[Sequence[Piece]] = [
            [(clean(each.why), "plain")],
            [piece for part in (where, count) for piece in (*part, ("  ", "plain"))],
            [(f'silence: [tool.enctest.findings] off = ["{each.kind}"], or by pattern', "faint")],
        ]
        rows.append(Row([(" ◆ ", "warn"), (kind, "accent"), (title, "plain")], each.spans, about))
    return rows


def operation_rows(trace: Trace, width: int) -> list[Row]:
    """Return a row for each operation, most time of its own first."""
    rows = []
    for one in statistics(trace.roots, trace.now_ns):
        times = (one.total, one.own, one.typical, one.longest) if width >= _WIDE else (one.total, one.own)
        shown = " ".join(f"{duration(ns / 1e6):>{_TIME}}" for ns in times)
        first = one.spans[0]
        left = [
            (f"{one.count:>6,} ", "plain" if one.count > 1 else "dim"),
            (f"{shown} ", "dim"),
            *_share(one.share),
            (f" {_name(first)}", "bad" if any(span.is_error for span in one.spans) else "plain"),
        ]
        about: list[Sequence[Piece]] = [[(f"{first.kind}  ", "dim"), (_name(first), "plain")]]
        if text := statement(first):
            about.append([(text, "dim")])
        rows.append(Row(left, tuple(span.id for span in one.spans), about))
    return rows


def path_rows(trace: Trace) -> list[Row]:
    """Return a row for each span that decided how long the test took, with the time it took itself."""
    root = next(iter(trace.roots), None)
    if root is None:
        return []
    whole = max(1, trace.now_ns - root.start_ns if root.end_ns is None else root.end_ns - root.start_ns)
    rows = []
    for step in steps(root, trace.now_ns):
        share = step.own / whole
        name = f" {'  ' * step.depth}{_name(step.span)}"
        left = [
            (f" {duration(step.own / 1e6):>{_TIME}} ", "dim"),
            *_share(share),
            (name, "bad" if step.span.is_error else "dim" if share < _LITTLE else "plain"),
        ]
        own = f"{duration(step.own / 1e6)} of its {duration(step.span.duration_ms(trace.now_ns))} are its own"
        about = [[(_name(step.span), "plain")], [(f"{own}, and on the path: {share:.1%} of the test", "dim")]]
        rows.append(Row(left, (step.span.id,), about, share))
    return rows


def heaviest(rows: Sequence[Row]) -> int:
    """Return the row in which most time passed; the first where rows have no times, or are sorted by them."""
    return max(range(len(rows)), key=lambda at: (rows[at].weight, -at), default=0)


def head(view: View, width: int) -> str:
    """Return what stands above the columns."""
    if view == "findings":
        return ""
    if view == "critical-path":
        return f" {'on path':>{_TIME}} {'share':>{_BAR + 5}}  span"
    words = ("total", "self", "median", "longest") if width >= _WIDE else ("total", "self")
    columns = " ".join(f"{word:>{_TIME}}" for word in words)
    return f"{'count':>6} {columns} {'share of self':>{_BAR + 5}}  operation"


def _share(share: float) -> list[Piece]:
    cells = round(share * _BAR)
    return [(f"{share:>4.0%} ", "dim"), ("█" * cells, "bar"), (" " * (_BAR - cells), "plain")]


def _name(span: SpanNode) -> str:
    text = label(span)
    if span.kind == "test":
        text = text.rpartition("::")[2] or text
    return one_line(text)
