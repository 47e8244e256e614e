"""A trace as lines of plain text."""

from __future__ import annotations

from enctest.events import SpanNote
from enctest.tracing.comparison import Comparison, Line, State
from enctest.tracing.model import Node, Trace, is_beside

_NS_PER_MS = 1e6
_MS_PER_S = 1000
_MARKS: dict[State, str] = {
    "same": " ", "changed": "~", "added": "+", "missing": "-", "moved": ">", "unreached": ".",
}  # fmt: skip
_WIDTH = 100  # characters of a log line or message


def duration(ns: int) -> str:
    """Return nanoseconds in the unit that suits, such as `350 µs`, `12.3 ms` or `4.50 s`."""
    ms = ns / _NS_PER_MS
    if ms < 1:
        return f"{ns / 1000:.0f} µs"
    return f"{ms:.1f} ms" if ms < _MS_PER_S else f"{ms / _MS_PER_S:.2f} s"


def render(trace: Trace, now_ns: int | None = None) -> list[str]:
    """Return one line per span and event: indentation, name, kind, duration, status.

    Args:
        trace: What to show.
        now_ns: Until when open spans last (default: the latest time known of the trace).
    """
    if now_ns is None:
        now_ns = max((node.last_ns() for _, node in trace.rows() if node.parent is None), default=0)
    lines = []
    for depth, node in trace.rows():
        indent = "  " * depth
        lines.append(indent + _span_line(node, now_ns))
        lines += [f"{indent}  · {event_line(note)}" for note in node.events]
    return lines


def render_comparison(comparison: Comparison[Node]) -> list[str]:
    """Return one line per span that differs or leads to one: mark, indentation, name, difference, time."""
    lines = []
    stack = [(0, line) for line in reversed(comparison.lines)]
    while stack:
        depth, line = stack.pop()
        lines.append(f"{_MARKS[line.state]} {'  ' * depth}{_compared(line)}")
        below = [child for child in line.children if child.differs]
        stack.extend((depth + 1, child) for child in reversed(below))
    return lines


def _compared(line: Line[Node]) -> str:
    count = len(line.now or line.before)
    parts = [f"{count}x {line.span.name}" if count > 1 else line.span.name, f"[{line.span.kind}]"]
    for name, before, now in line.differences:
        change = f"{_brief(before) or 'none'} -> {_brief(now) or 'none'}"
        parts.append(change if name == "said" else f"{name} {change}")
    times = [
        duration(sum(span.duration_ns() for span in spans)) for spans in (line.before, line.now) if spans
    ]
    parts.append(" -> ".join(times) if len(times) > 1 else times[0])
    return "  ".join(parts)


def _brief(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"


def event_line(note: SpanNote) -> str:
    """Return an event in one line, such as `WARNING shop.orders: sold out`."""
    found = note.attributes
    if note.name == "log":
        text = f"{found.get('log.level', '')} {found.get('log.logger', '')}: {found.get('log.message', '')}"
    elif note.name == "exception":
        text = f"{found.get('exception.type', 'exception')}: {found.get('exception.message', '')}"
    else:
        text = str(found.get("db.query.text", note.name))
    lines = text.strip().splitlines() or [note.name]
    more = len(lines) > 1 or len(lines[0]) > _WIDTH
    return lines[0][:_WIDTH] + ("…" if more else "")


def _span_line(node: Node, now_ns: int) -> str:
    state = "still open" if node.is_open else node.status
    kind = f"[{node.kind}]"
    parts = [node.name, kind, duration(node.duration_ns(now_ns)), "" if state == "unset" else state]
    if is_beside(node):
        parts.append("not counted")
    if "db.response.returned_rows" in node.attributes:
        parts.append(f"{node.attributes['db.response.returned_rows']} rows")
    if "http.response.status_code" in node.attributes:
        parts.append(str(node.attributes["http.response.status_code"]))
    return "  ".join(part for part in parts if part)
