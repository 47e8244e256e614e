"""`enctest report`: the last results as one HTML file, which needs nothing else; for CI to keep."""

from __future__ import annotations

import contextlib
import html
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from enctest import __version__, config
from enctest.errors import EnctestError
from enctest.events import BAD_OUTCOMES, Finding, TestFinished
from enctest.explorer.explaining import Explaining
from enctest.paths import Project
from enctest.store.history import History
from enctest.store.rows import StoredTest
from enctest.tracing import own_time
from enctest.tracing.comparison import compare
from enctest.tracing.model import Node, Trace, is_beside
from enctest.tracing.text import duration, event_line, render_comparison

DEFAULT = "enctest-report.html"
_SLOWEST = 20
"""Tests whose traces are shown besides those that failed."""
_SPANS = 400
"""Spans of a trace that are shown at most; how many are left out is said."""
_STYLE = """
:root { color-scheme: light dark; --bad: #b3261e; --good: #1b7f3b; --quiet: #777; --bar: #6b8fb5; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
pre, code, .trace { font: 12px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .6rem; border-left: 3px solid var(--bad); background: #8881; }
summary { cursor: pointer; } details { margin: .2rem 0; }
.bad { color: var(--bad); } .good { color: var(--good); } .quiet { color: var(--quiet); }
table { border-collapse: collapse; width: 100%; } td { padding: .1rem .5rem; vertical-align: top; }
td.number { text-align: right; white-space: nowrap; }
.trace td { padding: 0 .4rem; } .trace td.name { white-space: pre; overflow: hidden; max-width: 40rem; }
.lane { position: relative; width: 22rem; height: 1em; }
.bar { position: absolute; top: .1em; height: .8em; min-width: 1px; background: var(--bar); }
.bar.bad { background: var(--bad); } .bar.db { background: #4d7ea8; } .bar.http { background: #b08442; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_HTTP = frozenset({"client", "server", "producer", "consumer"})


def report(target: str) -> int:
    """Write the report to a file, whole or not at all; print where it is.

    Raises:
        EnctestError: No run is recorded here, or the file cannot be written.
    """
    project = Project.find()
    with contextlib.closing(History(project.state)) as history:
        tests = history.tests()
        if not any(test.outcome for test in tests):
            raise EnctestError(
                "no run is recorded here yet",
                "Run the tests once: enctest, or open enctest-tui.",
                exit_code=1,
            )
        explaining = Explaining(project.root, config.load(project.root))
        text = "\n".join(_page(project.root.name, tests, history, explaining))
    path = Path(target or DEFAULT).absolute()
    try:
        _write(path, text)
    except OSError as error:
        raise EnctestError(
            f"{path} cannot be written: {error.strerror}", "Name another file: enctest report FILE"
        ) from error
    print(path)
    return 0


def _write(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        Path(temporary).replace(path)
    except BaseException:  # Ctrl+C too: no half file is to stay; it is raised again
        Path(temporary).unlink(missing_ok=True)
        raise


def _page(name: str, tests: Sequence[StoredTest], history: History, explaining: Explaining) -> Iterator[str]:
    ran = [test for test in tests if test.outcome is not None]
    counts = Counter(str(test.outcome) for test in ran)
    bad = [test for test in ran if test.outcome in BAD_OUTCOMES]
    slow = sorted(set(ran) - set(bad), key=lambda test: -test.duration_ms)[:_SLOWEST]
    yield "<!doctype html><html lang=en><meta charset=utf-8>"
    yield f'<meta http-equiv=Content-Security-Policy content="{_POLICY}">'
    yield f"<title>{_text(name)}: tests</title><style>{_STYLE}</style>"
    yield f"<h1>{_text(name)}</h1><p>{_summary(counts, ran)}</p>"
    if bad:
        yield "<h2>Failures</h2>"
    for test in bad:
        yield from _failure(test, history)
    yield from _findings(ran, history, explaining)
    yield f"<h2>The slowest {len(slow)}</h2>" if slow else ""
    for test in slow:
        yield from _trace_of(test, history)
    yield "<h2>All tests</h2><table>"
    yield from map(_row, tests)
    yield f"</table><p class=quiet>enctest {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC</p></html>"


def _summary(counts: Counter[str], ran: Sequence[StoredTest]) -> str:
    parts = [
        f"<span class={_class(outcome)}>{counts[outcome]} {outcome}</span>" for outcome in sorted(counts)
    ]
    outdated = sum(test.outdated for test in ran)
    if outdated:
        parts.append(f"{outdated} outdated: a change has reached them since")
    parts.append(f"<span class=quiet>{_ms(sum(test.duration_ms for test in ran))} in all</span>")
    return ", ".join(parts)


def _findings(tests: Sequence[StoredTest], history: History, explaining: Explaining) -> Iterator[str]:
    """Yield what is found in traces, what matters most first; nothing where there is nothing."""
    found: list[tuple[Finding, str]] = []
    for stored in tests:
        if stored.figures is None or not stored.figures.findings:
            continue
        test = stored.info.test
        run, spans = history.trace(test)
        _, base = history.base(test, run, "pass")
        told = explaining.findings(test, run, Trace(spans), stored.recent, base)
        found += [(finding, test) for finding in told.findings]
    if found:
        yield "<h2>Findings</h2>"
    for finding, test in sorted(found, key=lambda each: -each[0].rank):
        place = f" <code>{_text(finding.place)}</code>" if finding.place else ""
        title = f"{finding.kind}: {_text(finding.title)}{place} <span class=quiet>{_text(test)}</span>"
        yield f"<details><summary>{title}</summary><p>{_text(finding.why)}</p></details>"


def _failure(test: StoredTest, history: History) -> Iterator[str]:
    result = history.result(test.info.test)
    yield f"<h3 class=bad>{_text(test.info.test)}</h3><p>{_text(test.message)}</p>"
    if result is not None:
        yield from _output(result)
    yield from _since_pass(test, history)
    yield from _trace_of(test, history)


def _since_pass(test: StoredTest, history: History) -> Iterator[str]:
    run, spans = history.trace(test.info.test)
    base, before = history.base(test.info.test, run, "pass")
    if base and spans:
        found = compare(Trace(before).tops(), Trace(spans).tops())
        lines = "\n".join(render_comparison(found))
        yield f"<details><summary>compared with its last pass</summary><pre>{_text(lines)}</pre></details>"


def _output(result: TestFinished) -> Iterator[str]:
    if result.failure:
        yield f"<pre>{_text(result.failure)}</pre>"
    for section in result.sections:
        yield f"<details><summary>{_text(section.title)}</summary><pre>{_text(section.text)}</pre></details>"


def _trace_of(test: StoredTest, history: History) -> Iterator[str]:
    _, spans = history.trace(test.info.test)
    if not spans:
        return
    trace = Trace(spans)
    rows = list(trace.rows())
    start = min(node.start_ns for _, node in rows)
    length = max(1, max(node.last_ns() for node in trace.tops()) - start)
    title = f"{_text(test.info.test)} <span class=quiet>{_ms(test.duration_ms)}, {len(rows)} spans</span>"
    yield f"<details><summary>{title}</summary><table class=trace>"
    for depth, node in rows[:_SPANS]:
        yield _span(depth, node, start, length)
    yield "</table>"
    if len(rows) > _SPANS:
        yield f"<p class=quiet>{len(rows) - _SPANS} more spans are left out</p>"
    yield "</details>"


def _span(depth: int, node: Node, start: int, length: int) -> str:
    taken = node.duration_ns()
    left, width = (
        100 * (node.start_ns - start) / length,
        100 * (taken + own_time.elsewhere_ns(node)) / length,
    )
    kind = (
        "bad"
        if node.status == "error"
        else "http"
        if node.kind in _HTTP
        else "db"
        if node.kind == "db"
        else ""
    )
    lines = [_name(node), *(f"  {event_line(note)}" for note in node.events)]
    shown = "\n".join("  " * depth + line for line in lines)
    name = f"<td class='name{' bad' * (kind == 'bad')}'>{_text(shown)}</td>"
    bar = f"<div class='bar {kind}' style='left:{left:.2f}%;width:{width:.2f}%'></div>"
    return f"<tr>{name}<td class=number>{duration(taken)}</td><td><div class=lane>{bar}</div></td></tr>"


def _name(node: Node) -> str:
    text = node.attributes.get("db.query.text")
    name = f"{node.name} (not counted)" if is_beside(node) else node.name
    return f"{name}  {' '.join(str(text).split())}"[:200] if text else name


def _row(test: StoredTest) -> str:
    outcome = test.outcome or "not run"
    state = f"<td class={_class(outcome)}>{outcome}{' (outdated)' if test.outdated else ''}</td>"
    cells = f"<td class=number>{_ms(test.duration_ms)}</td><td class=quiet>{_text(test.message)}</td>"
    return f"<tr>{state}<td>{_text(test.info.test)}</td>{cells}</tr>"


def _class(outcome: str) -> str:
    return "bad" if outcome in BAD_OUTCOMES else "good" if outcome == "passed" else "quiet"


def _ms(value: float) -> str:
    return duration(int(value * 1e6))


def _text(value: str) -> str:
    return html.escape(value)
