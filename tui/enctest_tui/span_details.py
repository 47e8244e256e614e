"""Everything about one row of a trace, as lines of text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from enctest.events import Attributes, Explained, SpanNote
from enctest.tracing.filled import Filled, fill
from enctest_tui import code
from enctest_tui.detail_lines import DetailLine, Piece, Place, value_lines
from enctest_tui.difference import WORDS, SpanLine, durations_ms
from enctest_tui.selftime import OwnTime
from enctest_tui.spanrows import Row
from enctest_tui.spans import SpanNode, Trace
from enctest_tui.sqltext import layout
from enctest_tui.stack import Sources, stack_lines
from enctest_tui.text import clean, duration, one_line
from enctest_tui.wording import label

_SQL = ("db.query.text", "db.statement")
_STACKS = ("exception.stack", "exception.stacktrace", "code.stacktrace")
_SITE = ("code.file.path", "code.line.number")
_SAID = {"exception.type", "exception.message", "log.message", "log.level", "enctest.name"}
_PLAN_LINE: Final = re.compile(r"(.*?)(\s*\(cost=[^)]*\))?(\s*\(actual [^)]*\)|\s*\(never executed\))?")
_NAME_WIDTH: Final = 30
_GROUPS: Final = {
    "db": "database", "http": "request", "url": "request", "server": "network", "client": "network",
    "network": "network", "net": "network", "exception": "exception", "error": "exception", "log": "log",
    "code": "code", "pytest": "pytest", "test": "pytest", "process": "process", "thread": "process",
    "messaging": "messages", "enctest": "enctest", "otel": "enctest",
}  # fmt: skip
"""What attributes are about, by the beginning of their names; others are the application's."""


@dataclass
class Reading:
    """How the details are looked at.

    Attributes:
        sources: Where lines of source come from.
        turned: What the user has folded or unfolded.
        plans: What EXPLAIN said, by run and span; None while the answer is under way.
    """

    sources: Sources = field(default_factory=Sources)
    turned: set[str] = field(default_factory=set)
    plans: dict[tuple[int, int], Explained | None] = field(default_factory=dict)


def describe(row: Row, trace: Trace, reading: Reading | None = None) -> list[DetailLine]:
    """Return the lines of the details pane."""
    reading = reading or Reading()
    span = row.span
    if row.note is not None:
        return _note_lines(row.note, span, reading)
    parts = [_head(row, trace), _group(row, trace) if row.members else []]
    plan = _plan(reading, trace.run, span.id)
    parts += _attributes(span.attributes, str(span.id), reading, plan, of_many=bool(row.members))
    for note in span.events:
        parts.append(_note_lines(note, span, reading))
    return [line for part in parts if part for line in [*part, DetailLine()]]


def describe_line(
    line: SpanLine, trace: Trace, base: Trace, reading: Reading | None = None
) -> list[DetailLine]:
    """Return the lines of the details pane for a line of a comparison: what is different, then all of it."""
    word, _, ink = WORDS[line.state]
    lines = [DetailLine([(word or "the same", ink if word else "dim"), *_both(line, trace)])]
    for name, before, now in line.differences:
        lines += [DetailLine([(clean(name), "dim")])]
        lines += [
            DetailLine([("  - ", "bad"), (clean(part), "plain")]) for part in before.split("\n") if before
        ]
        lines += [DetailLine([("  + ", "good"), (clean(part), "plain")]) for part in now.split("\n") if now]
    row = Row(
        line.span, 0, members=tuple(line.now or line.before) if len(line.now or line.before) > 1 else ()
    )
    return [*lines, DetailLine(), *describe(row, trace if line.now else base, reading)]


def _both(line: SpanLine, trace: Trace) -> list[Piece]:
    before, now = durations_ms(line, trace.now_ns)
    if before is None or now is None:
        return []
    return [(f"  {duration(before)} before, {duration(now)} now", "dim")]


def _head(row: Row, trace: Trace) -> list[DetailLine]:
    span = row.span
    start_ns, _ = trace.bounds()
    state = "open" if span.is_open else {"error": "failed", "ok": "ok", "unset": "ended"}[span.status]
    if span.is_open and not trace.is_live:
        state = "never ended"
    timing = f"{duration(span.duration_ms(trace.now_ns))}, from {duration((span.start_ns - start_ns) / 1e6)}"
    if span.children:
        timing += f", {duration(OwnTime(trace).ms(span))} of it its own"
    ink = "bad-strong" if span.is_error else "strong"
    return [
        DetailLine([(label(span), ink)]),
        DetailLine(
            [(f"{span.kind}  ", "dim"), (state, "bad" if span.is_error else "dim"), (f"  {timing}", "dim")]
        ),
    ]


def _group(row: Row, trace: Trace) -> list[DetailLine]:
    times = [member.duration_ms(trace.now_ns) for member in row.members]
    each = f"{duration(min(times))} to {duration(max(times))} each"
    text = f"{len(times)} times, {duration(sum(times))} in all; {each}"
    return [DetailLine([(text, "warn")])]


# --- attributes -------------------------------------------------------------------------------------------


def _attributes(
    attributes: Attributes,
    owner: str,
    reading: Reading,
    plan: Sequence[DetailLine] = (),
    *,
    of_many: bool = False,
) -> list[list[DetailLine]]:
    """Return call site, SQL, plan, attributes by group, and stack, each a part of its own."""
    place = place_of(attributes)
    parts = [
        [DetailLine([("at ", "dim"), (f"{clean(place[0])}:{place[1]}", "accent")], place=place)]
        if place
        else [],
        _statement(attributes, of_many=of_many),
        list(plan),
        *_grouped(attributes, owner, reading),
    ]
    stack = next((attributes[name] for name in _STACKS if name in attributes), None)
    if stack is not None:
        head = DetailLine([("stack, innermost last", "dim")])
        parts.append([head, *stack_lines(stack, reading.sources)])
    return [part for part in parts if part]


def place_of(attributes: Attributes) -> Place | None:
    """Return the place in the project's source that attributes name."""
    path, line = (attributes.get(name) for name in _SITE)
    return (str(path), line if isinstance(line, int) else 0) if path else None


def filled(attributes: Attributes) -> Filled | None:
    """Return a span's query with its arguments filled in; None when it has none."""
    text = next((attributes[name] for name in _SQL if name in attributes), None)
    if text is None:
        return None
    system = str(attributes.get("db.system.name") or attributes.get("db.system") or "postgresql")
    return fill(str(text), attributes.get("db.query.parameters"), system)


def _statement(attributes: Attributes, *, of_many: bool) -> list[DetailLine]:
    statement = filled(attributes)
    if statement is None:
        return []
    lines = [DetailLine(line) for line in code.lines(layout(statement.sql), "sql")]
    if "db.query.parameters" in attributes:
        told = f"for display: arguments {'of the first ' if of_many else ''}filled in"
        if statement.missing:
            told += f", but for {statement.missing} not known in full"
        lines.append(DetailLine([(f"-- {told}", "comment")]))
    return lines


def _plan(reading: Reading, run: int, span: int) -> list[DetailLine]:
    """Return what EXPLAIN said of a query, if it was asked."""
    if (run, span) not in reading.plans:
        return []
    plan = reading.plans[run, span]
    if plan is None:
        return [DetailLine([("EXPLAIN ANALYZE …", "dim")])]
    if plan.problem:
        return [DetailLine([(clean(plan.problem), "bad")])]
    head = f"EXPLAIN ANALYZE on {plan.database}; rolled back, but sequences went on"
    return [DetailLine([(clean(head), "dim")]), *(DetailLine(_plan_line(line)) for line in plan.plan)]


def _plan_line(line: str) -> list[Piece]:
    text = clean(line)
    found = _PLAN_LINE.fullmatch(text)
    node, estimate, measured = found.groups("") if found is not None else (text, "", "")
    return [(node, "warn" if "Seq Scan" in node else "plain"), (estimate, "faint"), (measured, "accent")]


def _grouped(attributes: Attributes, owner: str, reading: Reading) -> Iterable[list[DetailLine]]:
    groups: dict[str, list[str]] = {}
    for name in sorted(attributes):
        if name not in {*_SQL, *_STACKS, *_SITE, *_SAID}:
            groups.setdefault(_GROUPS.get(name.partition(".")[0], "application"), []).append(name)
    width = min(_NAME_WIDTH, max((len(name) for names in groups.values() for name in names), default=0))
    for group in sorted(groups, key=lambda group: (group != "application", group)):
        lines = [DetailLine([(group, "faint")])] if len(groups) > 1 else []
        for name in groups[group]:
            lines += value_lines(name, attributes[name], width, f"{owner}:{name}", reading.turned)
        yield lines


# --- events -----------------------------------------------------------------------------------------------


def _note_lines(note: SpanNote, span: SpanNode, reading: Reading) -> list[DetailLine]:
    after = duration((note.at_ns - span.start_ns) / 1e6)
    text, ink = describe_note(note)
    lines = [DetailLine([(text, ink), (f"  after {after}", "dim")])]
    for part in _attributes(note.attributes, f"{span.id}@{note.at_ns}", reading):
        lines += part
    return lines


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
        quiet = "warn" if level.startswith("warn") else "dim"
        ink = "bad" if level in {"error", "critical", "fatal"} else quiet
        return (f"{level} {message}" if level else message), ink
    return one_line(note.name), "dim"


def _first(attributes: Attributes, *names: str) -> str:
    return next((str(attributes[name]) for name in names if name in attributes), "")
