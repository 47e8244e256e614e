"""`enctest --spans`: the span trees of failed tests, in pytest's own summary."""

from __future__ import annotations

from pathlib import Path

import pytest

from enctest.events import BAD_OUTCOMES, Span, SpanEnded, SpanEvent, SpanStarted, TestFinished
from enctest.session.spool import SpoolRecording, read
from enctest.tracing.model import Trace, fold
from enctest.tracing.text import render

_IDLE_NS = 1_000_000
CLOSER = "enctest-closer"
"""The name under which a session that records registers its `SpoolRecording`."""


class FailedTrees:
    """Prints the trees; to be given to the run that prints the summary.

    Args:
        folder: Where the run's processes write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        """Print them after the failures."""
        recording = config.pluginmanager.get_plugin(CLOSER)
        if isinstance(recording, SpoolRecording):
            recording.flush()
        failed = dict.fromkeys(
            event.test
            for event in read(self._folder)
            if isinstance(event, TestFinished) and event.outcome in BAD_OUTCOMES
        )
        if not failed:
            return
        records = (
            event for event in read(self._folder) if isinstance(event, SpanStarted | SpanEvent | SpanEnded)
        )
        traces = fold(record for record in records if record.test in failed)
        terminalreporter.section("SPANS OF FAILED TESTS")
        for test in failed:
            terminalreporter.write_sep("_", test, red=True, bold=True)
            for line in render(_pruned(traces[test])) if test in traces else ["no spans were recorded"]:
                terminalreporter.write_line(line)


def _pruned(trace: Trace) -> Trace:
    """Leave out quick fixtures in which nothing happened: plugins bring a dozen of them."""
    spans = trace.freeze()
    parents = {span.parent for span in spans}
    return Trace(span for span in spans if span.span in parents or not _is_idle(span))


def _is_idle(span: Span) -> bool:
    took = (span.end_ns or span.start_ns) - span.start_ns
    return span.kind == "fixture" and span.status != "error" and not span.events and took < _IDLE_NS
