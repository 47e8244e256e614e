"""What is found about the test that somebody looks at: from its trace, its last pass, and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enctest.events import Findings, Recent, Span
from enctest.tracing.findings.finder import Finder
from enctest.tracing.model import Trace

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer


def explain(explorer: Explorer, test: str, run: int) -> Findings:
    """Return what is found about a test's trace of `run`; nothing when that trace is not at hand."""
    running = explorer.running
    trace = running.ledger.traces.tree(test) if running is not None and running.job.run == run else None
    if trace is None:
        known, spans = explorer.journal.trace(test)
        trace = Trace(spans) if known == run else None
    if trace is None:
        return Findings(test=test, run=run)
    entry = explorer.book.tests.get(test)
    recent = entry.recent if entry is not None else ()
    base = explorer.journal.base(test, run, "pass")[1]
    finder = Finder(str(explorer.project.root), explorer.settings.findings)
    return findings(finder, test, run, trace, recent, base)


def findings(
    finder: Finder,
    test: str,
    run: int,
    trace: Trace,
    recent: tuple[Recent, ...],
    base: tuple[Span, ...],
) -> Findings:
    """Return what is found about a trace.

    Args:
        finder: Of the project.
        test: The node id.
        run: The run that the trace is of.
        trace: Its spans.
        recent: The test's last runs; left out of account where the last is another than `run`.
        base: The spans of its last pass before.
    """
    told = recent if recent and recent[-1].run == run else ()
    before = Trace(base) if base else None
    return Findings(test=test, run=run, findings=tuple(finder.find(test, trace, told, before)))
