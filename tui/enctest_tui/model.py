"""The one reducer: explorer events in, everything the screen shows out. No widget holds truth."""

from __future__ import annotations

import enum
import functools
import operator
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from enctest import events as ev
from enctest.record import Event
from enctest_tui.difference import Baseline
from enctest_tui.facts import Details, Run, Status
from enctest_tui.spans import Trace
from enctest_tui.testtree import TestTree
from enctest_tui.users import UserTree

if TYPE_CHECKING:
    from enctest.databases.kept import Kept


class Changes(enum.Flag):
    """What a batch of events changed, so that only that is painted."""

    NONE = 0
    TESTS = enum.auto()
    STATUS = enum.auto()
    DETAILS = enum.auto()
    TRACE = enum.auto()
    TROUBLE = enum.auto()
    DEBUG = enum.auto()
    FINISHED = enum.auto()
    """A run ended."""
    CHANGED = enum.auto()
    """A file was saved."""
    ATTACHED = enum.auto()
    FINDINGS = enum.auto()
    STACKS = enum.auto()
    USERS = enum.auto()
    """Who uses a file or a function."""


_RESULT = Changes.TESTS | Changes.STATUS
"""Computed once: a flag's `|` costs more than folding a result."""


class Model:
    """The state of one front end.

    Attributes:
        base: What the shown trace is compared with.
        findings: What was found about the shown trace, None until it is known; `explained`: what was asked.
        running: Since when (seconds since the epoch), and in which worker, tests run that run now.
        stacks: Where running tests were when somebody last asked.
        wall: The clock that goes with these times.
        plans: What EXPLAIN said of the shown test's queries, by run and span; None: under way.
        users: The tests turned round, as far as the user has asked.
        hunts: How the hunt for a test's polluter ended, by test.
        misses: What audits found and the user has not read yet, by test.
        trouble: The last error that has not been dismissed or overtaken by another save.
        kept: What was looked for last of what a failed test has left: the test, and its databases.
        debug: Set when a debug command has been prepared; the app takes it away.
        ide: Likewise when debugpy waits for an IDE, or cannot.
        wants_ide: The test for which the user has asked for one; others may ask as well.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.tests = TestTree()
        self.status = Status()
        self.details = Details()
        self.trace = Trace(clock)
        self.base = Baseline()
        self.findings: tuple[ev.Finding, ...] | None = None
        self.explained: ev.Explain | None = None
        self.running: dict[str, tuple[float, int]] = {}
        self.stacks: dict[str, ev.Stacked] = {}
        self.wall: Callable[[], float] = time.time
        self.plans: dict[tuple[int, int], ev.Explained | None] = {}
        self.users = UserTree()
        self.hunts: dict[str, ev.Hunted] = {}
        self.misses: dict[str, ev.Miss] = {}
        self.trouble: ev.Error | None = None
        self.kept: tuple[str, Sequence[Kept]] = ("", ())
        self.debug: ev.DebugReady | None = None
        self.ide: ev.IdeWaits | None = None
        self.wants_ide = ""
        self._reasons: dict[str, str] = {}
        self._fold: dict[type[Event], Callable[[Event], Changes]] = {}
        for kind, method in _methods().items():
            self._fold[kind] = getattr(self, method)

    def fold(self, events: Iterable[ev.ExplorerEvent]) -> Changes:
        """Take in a batch of events; say what changed."""
        seen: dict[int, Changes] = {}
        fold = self._fold
        for event in events:
            change = fold[type(event)](event)
            seen[id(change)] = change
        return functools.reduce(operator.or_, seen.values(), Changes.NONE)

    def follow(self, test: str) -> None:
        """Show this test from now on; empty shows none."""
        if test != self.details.test:
            node = self.tests.tests.get(test)
            self.details = (
                Details(test=test, path=node.path, line=node.line) if node is not None else Details(test=test)
            )
            self.trace.clear()
            self.base.forget()
            self.findings = self.explained = None
            self.plans.clear()

    # --- the project ---------------------------------------------------------------------------------

    def _attached(self, event: ev.Attached) -> Changes:
        choices, structure = self.tests.choices(), self.tests.structure
        self.tests = TestTree()
        self.tests.structure = structure
        self.tests.load(event.tests, choices)
        self.running = {state.info.test: (self.wall(), 0) for state in event.tests if state.running}
        for miss in self.misses.values():
            self.tests.miss(miss)
        self.status = Status(
            root=event.root,
            python=event.python,
            args=event.args,
            versions=event.versions,
            databases=event.databases,
            phase=event.phase,
            paused=event.paused,
        )
        return Changes.ATTACHED | Changes.TESTS | Changes.STATUS

    def _phase(self, event: ev.Phase) -> Changes:
        if event.phase == "collecting":
            self.tests.begin(event.run)
        self.status.phase = event.phase
        self.status.is_ready = False
        return Changes.STATUS

    def _ready(self, _event: ev.Ready) -> Changes:
        self.status.phase = "idle"
        self.status.is_ready = True
        return Changes.STATUS

    def _paused(self, event: ev.Paused) -> Changes:
        self.status.paused = event.on
        return Changes.STATUS

    def _databases(self, event: ev.Databases) -> Changes:
        self.status.databases = event.databases
        return Changes.STATUS

    def _error(self, event: ev.Error) -> Changes:
        self.trouble = event
        return Changes.TROUBLE

    def _notice(self, event: ev.Notice) -> Changes:
        self.status.notice = event.message
        return Changes.STATUS

    def _debug_ready(self, event: ev.DebugReady) -> Changes:
        self.debug = event
        return Changes.DEBUG

    def _ide_waits(self, event: ev.IdeWaits) -> Changes:
        if event.test != self.wants_ide:
            return Changes.NONE
        self.ide = event
        return Changes.DEBUG

    # --- changes and what they affect ----------------------------------------------------------------

    def _change(self, event: ev.Change) -> Changes:
        self.status.changed = event.paths
        self.status.affected = self.status.settled_ms = None
        self.status.notice = ""
        self.trouble = None
        if not self.status.is_hunting:
            self.status.hunt = None
        return Changes.STATUS | Changes.TROUBLE | Changes.CHANGED

    def _affected(self, event: ev.Affected) -> Changes:
        self.tests.outdate(event.tests)
        for state in event.known:
            self.tests.set(
                state.info.test,
                outcome=state.outcome,
                duration_ms=state.duration_ms,
                message=state.message,
                outdated=False,
                running=state.running,
                warm=state.warm,
            )
        self._reasons = event.reasons
        self.status.selected = frozenset(event.tests)
        self.status.affected = sum("::" in test for test in event.tests)  # else a file, not collected
        self.status.affected_of = event.total
        if self.details.test in self.status.selected:
            self.details.why = event.reasons.get(self.details.test, "")
            return Changes.TESTS | Changes.STATUS | Changes.DETAILS
        return Changes.TESTS | Changes.STATUS

    def _settled(self, event: ev.Settled) -> Changes:
        self.status.settled_ms = event.ms
        return Changes.STATUS

    # --- collection ----------------------------------------------------------------------------------

    def _file_collected(self, event: ev.FileCollected) -> Changes:
        self.tests.collect(event.path, event.tests, complete=event.complete)
        return Changes.TESTS | Changes.STATUS

    def _collected(self, event: ev.Collected) -> Changes:
        """A run may look at a few files only: what is gone is told by `TestsRemoved`."""
        return Changes.STATUS if event.tests else Changes.NONE

    def _tests_removed(self, event: ev.TestsRemoved) -> Changes:
        self.tests.remove(event.tests)
        return Changes.TESTS | Changes.STATUS

    def _test_renamed(self, event: ev.TestRenamed) -> Changes:
        self.tests.rename(event.old, event.new)
        if event.old in self.hunts:
            self.hunts[event.new] = self.hunts.pop(event.old)
        if event.old in self.misses:
            self.misses[event.new] = msgspec.structs.replace(self.misses.pop(event.old), test=event.new)
        if self.details.test == event.old:
            self.details.test = event.new
            return Changes.TESTS | Changes.DETAILS
        return Changes.TESTS

    # --- runs ----------------------------------------------------------------------------------------

    def _run_started(self, event: ev.RunStarted) -> Changes:
        self.tests.begin(event.run)
        self.status.run = Run(event.run, total=len(event.tests), reason=event.reason)
        self.status.phase = "running"
        if not self.status.is_hunting:
            self.status.hunt = None  # the test's own pane still tells it
        return Changes.STATUS

    def _test_started(self, event: ev.TestStarted) -> Changes:
        self.tests.start(event.test, event.run)
        self.running[event.test] = event.t, event.worker
        if event.test != self.details.test:
            return Changes.TESTS
        self.details.running = True
        self.trace.clear(event.run)
        self.findings = self.explained = None
        return Changes.TESTS | Changes.DETAILS | Changes.TRACE

    def _test_finished(self, event: ev.TestFinished) -> Changes:
        self.tests.finish(event)
        self.running.pop(event.test, None)
        if event.outcome not in ev.BAD_OUTCOMES and event.test in self.hunts:
            del self.hunts[event.test]
        run = self.status.run
        if run is not None and run.run == event.run:
            run.done += 1
            run.counts[event.outcome] = run.counts.get(event.outcome, 0) + 1
        if event.test != self.details.test:
            return _RESULT
        self._finish_details(event)
        return Changes.TESTS | Changes.STATUS | Changes.DETAILS | Changes.TRACE

    def _finish_details(self, event: ev.TestFinished) -> None:
        details = self.details
        details.known, details.running, details.run = True, False, event.run
        details.outcome, details.duration_ms, details.message = (
            event.outcome,
            event.duration_ms,
            event.message,
        )
        details.failure, details.sections = event.failure, event.sections
        if event.path:
            details.path, details.line = event.path, event.line
        if self.trace.run == event.run:
            self.trace.freeze()

    def _run_finished(self, event: ev.RunFinished) -> Changes:
        self.tests.stop(event.run)
        self.running.clear()
        run = self.status.run
        if run is not None and run.run != event.run and not run.is_over:
            return Changes.TESTS  # one that went on elsewhere: the status line is about ours
        if run is None or run.run != event.run:
            run = self.status.run = Run(event.run)
        run.counts, run.duration_ms, run.stopped, run.is_over = (
            event.counts,
            event.duration_ms,
            event.stopped,
            True,
        )
        changes = Changes.TESTS | Changes.STATUS | Changes.FINISHED
        if self.details.running or self.trace.run == event.run:
            self.details.running = False
            self.trace.freeze()
            changes |= Changes.DETAILS | Changes.TRACE
        return changes

    # --- hunts, audits, users --------------------------------------------------------------------------

    def _hunted(self, event: ev.Hunted) -> Changes:
        self.status.hunt = event
        if event.state != "hunting":
            self.hunts[event.test] = event
        return Changes.STATUS | (Changes.DETAILS if event.test == self.details.test else Changes.NONE)

    def _audited(self, event: ev.Audited) -> Changes:
        self.status.audit = event if event.sampled else None
        if not event.misses:
            return Changes.STATUS
        for miss in event.misses:
            self.misses[miss.test] = miss
            self.tests.miss(miss)
        return Changes.STATUS | Changes.TESTS | Changes.TROUBLE

    def _users(self, event: ev.Users) -> Changes:
        self.users.take(event)
        return Changes.USERS

    # --- the followed test ---------------------------------------------------------------------------

    def _details(self, event: ev.Details) -> Changes:
        if event.test != self.details.test:
            return Changes.NONE
        self.details = Details(
            test=event.test,
            known=True,
            run=event.run,
            outcome=event.outcome,
            running=event.running,
            duration_ms=event.duration_ms,
            message=event.message,
            failure=event.failure,
            sections=event.sections,
            path=event.path or self.details.path,
            line=event.line or self.details.line,
            why=event.why or self._reasons.get(event.test, ""),
        )
        self.trace.load(event.run, event.spans, live=event.running)
        return Changes.DETAILS | Changes.TRACE

    def _base(self, event: ev.Base) -> Changes:
        asked = (self.details.test, self.base.against, self.base.other)
        if (event.test, event.against, event.other) != asked:
            return Changes.NONE
        self.base.take(event)
        return Changes.TRACE

    def _findings(self, event: ev.Findings) -> Changes:
        if self.explained is None or (event.test, event.run) != (self.explained.test, self.explained.run):
            return Changes.NONE
        self.findings = event.findings
        return Changes.FINDINGS

    def _stacked(self, event: ev.Stacked) -> Changes:
        self.stacks[event.test] = event
        if event.test in self.running and event.since:
            self.running[event.test] = event.since, event.worker
        return Changes.STACKS

    def _measured(self, event: ev.Measured) -> Changes:
        self.tests.measure(event)
        return Changes.TESTS

    def _explained(self, event: ev.Explained) -> Changes:
        if event.test != self.details.test:
            return Changes.NONE
        self.plans[event.run, event.span] = event
        return Changes.TRACE

    def _span_started(self, event: ev.SpanStarted) -> Changes:
        if event.test != self.details.test:
            return Changes.NONE
        self.trace.started(event)
        return Changes.TRACE

    def _span_event(self, event: ev.SpanEvent) -> Changes:
        if event.test != self.details.test:
            return Changes.NONE
        self.trace.noted(event)
        return Changes.TRACE

    def _span_ended(self, event: ev.SpanEnded) -> Changes:
        if event.test != self.details.test:
            return Changes.NONE
        self.trace.ended(event)
        return Changes.TRACE


def _methods() -> dict[type[Event], str]:
    """Return the method for each event: its tag with an underscore before it."""
    return {kind: f"_{kind.__struct_config__.tag}" for kind in ev.ExplorerEvent.__args__}
