"""One run, from its job to its end: fold what the worker says, mend what a dead one leaves."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from enctest.dependencies import BlocksDeclared, ModuleRecorded, ModulesImported, TestRecorded
from enctest.errors import EnctestError
from enctest.events import (
    BAD_OUTCOMES,
    Collected,
    Error,
    RunFinished,
    RunStarted,
    SpanEnded,
    SpanEvent,
    SpanStarted,
    Stacked,
    TestFinished,
    TestStarted,
    WorkerEvent,
)
from enctest.explorer.agenda import Wish
from enctest.explorer.book import Entry
from enctest.explorer.crew import Crew
from enctest.explorer.ledger import Ledger
from enctest.explorer.measuring import Measuring
from enctest.session.job import Job
from enctest.session.points import Process
from enctest.session.stacks import answer_file

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer

_WORTH_SHARING = 400.0
"""Milliseconds of tests for which several processes are worth their start."""
_UNKNOWN = 10_000
"""Tests that a run may find besides those that are known."""
_EXIT_PATIENCE = 10.0
"""Seconds a worker may take to end after it said that its run is over (threads, atexit)."""
_USAGE_ERROR, _NO_TESTS = 4, 5


class Running:
    """The run that goes on.

    Args:
        explorer: Whose run it is.
        wish: What it is to run.
        job: The same as a worker is told it.
        since: Number of the last change before it began.

    Attributes:
        current: The test that each worker runs now.
        stacks: What workers have told of where they are, by test.
    """

    def __init__(self, explorer: Explorer, wish: Wish, job: Job, since: int) -> None:
        self.job = job
        self.since = since
        self._wish = wish
        self._explorer = explorer
        self._remaining: dict[str, None] = {}
        self.current: dict[Process, str] = {}
        self.stacks: dict[str, Stacked] = {}
        self._since: dict[Process, float] = {}
        self._collected = False
        self._finished: dict[Process, RunFinished] = {}
        self._counts: Counter[str] = Counter()
        self._begun = time.monotonic()
        self._cancelled = ""
        self._ran: list[str] = []
        self._suspects: dict[str, TestFinished] = {}
        tests = explorer.book.tests if wish.everything else wish.tests
        unknown = wish.everything and not explorer.book.tests
        share = unknown or explorer.book.cost(tests) > _WORTH_SHARING
        fresh = wish.how == "fresh" or not explorer.hosts.forks
        workers = explorer.hosts.workers if share and not fresh else 1
        alike = f"{'fresh' if fresh else wish.how}{'+' * (workers > 1)}"
        self.ledger = Ledger(
            explorer.book,
            explorer.journal,
            explorer.selector,
            since=since,
            measuring=Measuring(explorer.project, explorer.settings.findings, alike),
        )
        self._crew = Crew(
            explorer.hosts,
            explorer.leases,
            job,
            workers=workers,
            tests=len(explorer.book.tests) + _UNKNOWN,
            fresh=fresh,
        )

    def waits_for(self, tests: set[str]) -> bool:
        """Tell whether any of these is still to run here."""
        if not self._collected:
            return bool(tests)
        return not tests.isdisjoint(self._remaining)

    def process_of(self, test: str) -> Process | None:
        """Return the process in which a test runs now."""
        found = self.where(test)
        return None if found is None else found[0]

    def where(self, test: str) -> tuple[Process, float] | None:
        """Return the worker that a test runs in now, and since when (seconds since the epoch)."""
        found = (process for process, current in self.current.items() if current == test)
        process = next(found, None)
        return (process, self._since[process]) if process is not None else None

    def cancel(self, why: str) -> None:
        """End it: `stopped` by the user, or `superseded` by something more urgent."""
        if self._cancelled:
            return
        self._cancelled = why
        self._crew.stop()

    async def go(self) -> None:
        """Run the workers to their end."""
        try:
            async for process, batch in self._crew.events():
                for event in batch:
                    self._fold(process, event)
        except EnctestError as error:  # a process of its own did not start
            self._explorer.tell(error)
        await self._crew.ended(_EXIT_PATIENCE)
        for process in self._crew.processes:
            if process in self.current and not self._cancelled:
                self._crashed(process)
        if self._suspects:
            await self._verify()
        self._end()

    # --- folding ---

    def _fold(self, process: Process, event: WorkerEvent) -> None:
        if isinstance(event, TestFinished):
            self._remaining.pop(event.test, None)
            if event.test == self.current.get(process):
                del self.current[process]
            entry = self._explorer.book.tests.get(event.test)
            if entry is not None and entry.outdated is not None:
                self._explorer.audit.caught(entry.outcome, event.outcome)
            if self._is_suspicious(event, entry):
                self._suspects[event.test] = event
                return
            self._explorer.idle.doubt(event, entry, self._wish.how)
        self._take(process, event)

    def _is_suspicious(self, event: TestFinished, entry: Entry | None) -> bool:
        """Tell whether a test fails that passed before and that no change has reached since."""
        return (
            event.outcome in BAD_OUTCOMES
            and self._wish.how == "warm"
            and entry is not None
            and entry.outcome == "passed"
            and entry.outdated is None
        )

    def _take(self, process: Process | None, event: WorkerEvent) -> None:
        explorer = self._explorer
        also = self.ledger.fold(event)
        match event:
            case BlocksDeclared() | ModuleRecorded() | TestRecorded() | ModulesImported():
                return
            case RunFinished() if process is not None:
                self._finished[process] = event
                return
            case RunStarted():
                self._collected = True
                self._remaining = dict.fromkeys(event.tests)
                explorer.began(self.job.run)
            case TestStarted() if process is not None:
                self.current[process], self._since[process] = event.test, event.t
            case Stacked() if process is not None:
                self.stacks[self.current.get(process, "")] = event
                return
            case TestFinished():
                self._counts[event.outcome] += 1
                self._ran.append(event.test)
            case Collected() if self.job.everything:
                also = self.ledger.everything_collected(event)
        explorer.publish(event, *also)

    async def _verify(self) -> None:
        """Ask a fresh process about failures that nothing explains, before anybody sees them."""
        suspects, self._suspects = self._suspects, {}
        for test in suspects:
            self.ledger.traces.forget(test)
        try:
            results = await self._explorer.trials.fresh(list(suspects), self._hear_fresh)
        except EnctestError as error:
            self._explorer.tell(error)
            results = {}
        if self._cancelled:
            self._remaining |= dict.fromkeys(suspects)
            return
        for test, warm in suspects.items():
            fresh = results.get(test, warm)
            other = fresh.outcome != warm.outcome
            self._take(None, msgspec.structs.replace(fresh, warm=warm.outcome) if other else fresh)

    def _hear_fresh(self, event: WorkerEvent) -> None:
        if isinstance(event, TestStarted | SpanStarted | SpanEvent | SpanEnded):
            self._take(None, event)

    # --- the end ---

    def _end(self) -> None:
        explorer = self._explorer
        explorer.ended(self.job.run, self._ran, self.since)
        for process in self._crew.processes:
            explorer.hosts.finish(process.job.stream)
            Path(answer_file(process.job.stacks, process.job.stream)).unlink(missing_ok=True)
        for test in [*self.current.values(), *self._remaining]:
            entry = explorer.book.tests.get(test)
            if entry is not None:
                entry.running = False
        explorer.publish(self._result())

    def _result(self) -> RunFinished:
        """Say how the run ended, and put back on the agenda what it owes."""
        explorer = self._explorer
        ends = self._finished.values()
        stopped = next((finished.stopped for finished in ends if finished.stopped), "")
        code = max((finished.exit_code for finished in ends), default=0)
        if self._cancelled == "superseded":
            if self._collected:
                explorer.agenda.postpone(self._remaining, self._wish.reason)
            else:
                explorer.agenda.put_back(self._wish)
        elif not self._cancelled:
            dead = [
                one for one in self._crew.processes if one not in self._finished and not one.fate.result()
            ]
            stopped = stopped or (f"a worker died ({_death(dead[0])})" if dead else "")
            left = not stopped and len(self._finished) > 1
            if not self._collected:
                self._did_not_collect(code, stopped, dead)
            elif self._remaining and (dead or left):
                explorer.agenda.add(self._remaining, (), "left by a worker that died", self._wish.how)
            elif code == _NO_TESTS and not explorer.book.tests:
                explorer.publish(
                    Error(
                        message=f"No tests were collected in {explorer.project.root}.",
                        hint="pytest looks for test_*.py and *_test.py; save one and it runs.",
                    )
                )
        return RunFinished(
            run=self.job.run,
            counts=dict(self._counts),
            duration_ms=(time.monotonic() - self._begun) * 1000,
            stopped=self._cancelled or stopped,
            exit_code=code,
        )

    def _did_not_collect(self, code: int, stopped: str, dead: list[Process]) -> None:
        if not dead and code in (0, _NO_TESTS):
            return
        host = self._explorer.hosts.host
        output = host.output().strip() if host else ""
        if dead:
            title = f"A worker died ({_death(dead[0])}) outside of any test."
        else:
            start = "pytest could not start" if code == _USAGE_ERROR else "pytest failed"
            title = f"{start}: {_last_line(output) or stopped}"
        self._explorer.publish(
            Error(message=title, hint=(output or dead[0].output if dead else output)[-6000:])
        )

    def _crashed(self, process: Process) -> None:
        """Blame the test that ran."""
        host = self._explorer.hosts.host
        output = process.output or (host.output() if host else "")
        test = self.current[process]
        entry = self._explorer.book.tests.get(test)
        self.ledger.traces.close(test)
        self._fold(
            process,
            TestFinished(
                run=self.job.run,
                test=test,
                outcome="crashed",
                duration_ms=0.0,
                message=f"the worker died: {_death(process)}",
                failure=output[-6000:],
                path=entry.info.path if entry else "",
                line=entry.info.line if entry else 0,
            ),
        )


def _death(process: Process) -> str:
    status = process.status.result()
    if status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"
    return f"exit code {status}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("E ", "ERROR"))]
    return (told or lines or [""])[-1]
