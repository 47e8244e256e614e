"""Figures of tests that have just finished, and what is found about the one that somebody looks at."""

from __future__ import annotations

from enctest.config import FindingSettings
from enctest.events import Measured, Recent, TestFinished, TestState
from enctest.explorer.book import Entry
from enctest.paths import Project
from enctest.store.rows import remembered, with_last
from enctest.tracing.figures import figures
from enctest.tracing.findings.finder import Finder
from enctest.tracing.model import Trace

_KEPT = 10
"""Last runs of a test that are remembered: some passes to compare durations with, and failures between."""
PLAIN = "plain"
"""The sort of runs that are plain pytest's, in a process of their own."""


class Measuring:
    """Looks at the results of one run.

    Args:
        project: Whose tests they are.
        settings: What is not to be found.
        alike: The sort of run: durations are compared with those of the same sort only.
    """

    def __init__(self, project: Project, settings: FindingSettings, alike: str = "") -> None:
        self._finder = Finder(str(project.root), settings)
        self._alike = alike

    def take(
        self, entry: Entry, result: TestFinished, trace: Trace | None, former: TestState | None
    ) -> Measured | None:
        """Note a result in its test's entry; return its figures, None when there is no trace.

        Args:
            entry: The test.
            result: How it ended.
            trace: Its spans.
            former: The test as it was before; None when nothing was known of it.
        """
        same_code = former is not None and former.outcome is not None and not former.outdated
        if former is not None and former.outcome == "passed":
            entry.base = former.figures
        last = Recent(result.run, result.outcome, result.duration_ms, self._alike, same_code)
        entry.recent = with_last(entry.recent, last, _KEPT)
        if trace is None:
            entry.figures = None
            return None
        found = self._finder.find(result.test, trace, remembered(entry.recent))
        entry.figures = figures(trace, len(found))
        return Measured(run=result.run, test=result.test, figures=entry.figures, base=entry.base)
