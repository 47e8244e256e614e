"""What is found about the test that somebody looks at: its trace, its last pass, its history, its plans."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from enctest.config import Settings
from enctest.events import Findings, Span
from enctest.explorer.indexes import missing_indexes
from enctest.store.rows import remembered
from enctest.tracing.findings.finder import Finder
from enctest.tracing.model import Trace

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer


async def explain(explorer: Explorer, test: str, run: int) -> Findings:
    """Return what is found about a test's trace of `run`; nothing when that trace is not at hand."""
    running = explorer.running
    live = running.ledger.traces.of(test) if running is not None and running.job.run == run else None
    known, spans = (run, live) if live is not None else explorer.journal.trace(test)
    if known != run:
        return Findings(test=test, run=run)
    entry = explorer.book.tests.get(test)
    recent = entry.recent if entry is not None else b""
    base = explorer.journal.base(test, run, "pass")[1]
    explaining = Explaining(explorer.project.root, explorer.settings)
    return await asyncio.to_thread(explaining.findings, test, run, Trace(spans), recent, base)


class Explaining:
    """Finds all there is to be found about single tests.

    Args:
        root: The project's root.
        settings: Its settings.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root = root
        self._settings = settings
        self._finder = Finder(str(root), settings.findings)

    def findings(self, test: str, run: int, trace: Trace, recent: bytes, base: tuple[Span, ...]) -> Findings:
        """Return what is found about a trace; may ask a managed database for plans.

        Args:
            test: The node id.
            run: The run that the trace is of.
            trace: Its spans.
            recent: The test's last runs, as stored; left out of account where the last is another than `run`.
            base: The spans of its last pass before.
        """
        runs = remembered(recent)
        told = runs if runs and runs[-1].run == run else ()
        before = Trace(base) if base else None
        plans = []
        if self._finder.wants("missing-index"):
            plans = missing_indexes(self._root, self._settings.databases, self._finder.scene(trace))
        return Findings(
            test=test, run=run, findings=tuple(self._finder.find(test, trace, told, before, plans))
        )
