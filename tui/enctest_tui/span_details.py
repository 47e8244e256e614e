"""Everything about one row of a trace, as lines of text."""

from __future__ import annotations

from enctest.events import Attributes, SpanNote
from enctest_tui import code
from enctest_tui.difference import WORDS, SpanLine, durations_ms
from enctest_tui.spanrows import Row, label
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.text import clean, duration, one_line

Piece = tuple[str, str]
Line = list[Piece]

_SQL = ("db.query.text", "db.statement")
_STACKS = ("exception.stack", "exception.stacktrace", "code.stacktrace")
_SITE = ("code.file.path", "code.line.number")
_SAID = {"exception.type", "exception.message", "log.message", "log.level", "enctest.name"}


def describe(row: Row, trace: Trace) -> list[Line]:
    """Return the lines of the details pane."""
    if row.note is not None:
        return _note_lines(row.note, row.span)
    span = row.span
    parts = [_head(row, trace), _group(row) if row.members else [], _attributes(span.attributes)]
    parts += [_note_lines(note, span) for note in span.events]
    return [line for part in parts if part for line in [*part, []]]


def describe_line(line: SpanLine, trace: Trace, base: Trace) -> list[Line]:
    """Return the lines of the details pane for a line of a comparison: what is different, then all of it."""
    word, _, ink = WORDS[line.state]
    lines: list[Line] = [[(word or "the same", ink if word else "dim"), *_both(line, trace)]]
    for name, before, now in line.differences:
        lines += [[(clean(name), "dim")]]
        lines += [[("  - ", "bad"), (clean(part), "plain")] for part in before.split("\n") if before]
        lines += [[("  + ", "good"), (clean(part), "plain")] for part in now.split("\n") if now]
    row = Row(
        line.span, 0, members=tuple(line.now or line.before) if len(line.now or line.before) > 1 else ()
    )
    return [*lines, [], *describe(row, trace if line.now else base)]


def _both(line: SpanLine, trace: Trace) -> list[Piece]:
    before, now = durations_ms(line, trace.now_ns)
    if before is None or now is None:
        return []
    return [(f"  {duration(before)} before, {duration(now)} now", "dim")]


def _head(row: Row, trace: Trace) -> list[Line]:
    span = row.span
    start_ns, _ = trace.bounds()
    state = "open" if span.is_open else {"error": "failed", "ok": "ok", "unset": "ended"}[span.status]
    if span.is_open and not trace.is_live:
        state = "never ended"
    timing = f"{duration(span.duration_ms(trace.now_ns))}, from {duration((span.start_ns - start_ns) / 1e6)}"
    own = _self_ms(span, trace.now_ns)
    if span.children:
        timing += f", {duration(own)} of it its own"
    ink = "bad-strong" if span.is_error else "strong"
    return [
        [(label(span), ink)],
        [(f"{span.kind}  ", "dim"), (state, "bad" if span.is_error else "dim"), (f"  {timing}", "dim")],
    ]


def _self_ms(span: SpanNode, now_ns: int) -> float:
    """Return the time (ms) in which no child was at work."""
    covered, latest = 0, span.start_ns
    for child in sorted(span.children, key=lambda child: child.start_ns):
        end = child.end_ns if child.end_ns is not None else now_ns
        covered += max(0, end - max(latest, child.start_ns))
        latest = max(latest, end)
    return max(0.0, span.duration_ms(now_ns) - covered / 1e6)


def _group(row: Row) -> list[Line]:
    times = [member.duration_ms(0) for member in row.members]
    each = f"{duration(min(times))} to {duration(max(times))} each"
    text = f"{len(times)} times, {duration(sum(times))} in all; {each}"
    return [[(text, "warn")]]


def _attributes(attributes: Attributes) -> list[Line]:
    lines: list[Line] = []
    for name in _SQL:
        if name in attributes:
            lines += [*code.lines(code.sql(str(attributes[name])), "sql"), []]
            break
    if _SITE[0] in attributes:
        lines.append(
            [
                ("at ", "dim"),
                (clean(":".join(str(attributes[name]) for name in _SITE if name in attributes)), "accent"),
            ]
        )
    rest = {
        name: value for name, value in attributes.items() if name not in {*_SQL, *_STACKS, *_SITE, *_SAID}
    }
    width = min(28, max((len(name) for name in rest), default=0))
    for name, value in sorted(rest.items()):
        first, *more = _shown(value).split("\n")
        lines.append([(f"{clean(name):<{width}}  ", "dim"), (clean(first), "plain")])
        lines += [[(" " * (width + 2), "dim"), (clean(part), "plain")] for part in more]
    stack = next((attributes[name] for name in _STACKS if name in attributes), None)
    if stack is not None:
        lines += [[("stack, innermost last", "dim")], *_stack(stack)]
    return lines


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _stack(stack: object) -> list[Line]:
    rows = stack if isinstance(stack, list | tuple) else str(stack).rstrip().split("\n")
    return [[(f"  {clean(str(row))}", "plain")] for row in rows]


def _note_lines(note: SpanNote, span: SpanNode) -> list[Line]:
    after = duration((note.at_ns - span.start_ns) / 1e6)
    text, ink = describe_note(note)
    lines: list[Line] = [[(text, ink), (f"  after {after}", "dim")]]
    return [*lines, *_attributes(note.attributes)]


def describe_note(note: SpanNote) -> tuple[str, str]:
    """Return an event in one line, and the ink for it."""
    attributes = note.attributes
    if note.name == "exception":
        kind = str(attributes.get("exception.type", "exception")).rpartition(".")[2]
        message = one_line(str(attributes.get("exception.message", "")))
        return (f"{kind}: {message}" if message else kind), "bad"
    if note.name == "log":
        level = _first(attributes, "log.level", "severity_text").lower()
        message = one_line(_first(attributes, "log.message", "body"))
        ink = (
            "bad"
            if level in {"error", "critical", "fatal"}
            else "warn"
            if level.startswith("warn")
            else "dim"
        )
        return (f"{level} {message}" if level else message), ink
    return one_line(note.name), "dim"


def _first(attributes: Attributes, *names: str) -> str:
    return next((str(attributes[name]) for name in names if name in attributes), "")
