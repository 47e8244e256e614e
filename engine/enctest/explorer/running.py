"""One run, from its job to its end: fold what the worker says, mend what a dead one leaves."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from enctest.dependencies import BlocksDeclared, ModuleRecorded, ModulesImported, TestRecorded
from enctest.events import Collected, Error, RunFinished, RunStarted, TestFinished, TestStarted, WorkerEvent
from enctest.explorer.ledger import Ledger
from enctest.session.job import Job

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer
    from enctest.session.control import Run

_EXIT_PATIENCE = 10.0
"""Seconds a worker may take to end after it said that its run is over (threads, atexit)."""
_USAGE_ERROR, _NO_TESTS = 4, 5


class Running:
    """The run that goes on.

    Args:
        explorer: Whose run it is.
        job: What it does.
        since: Number of the last change before it began.
    """

    def __init__(self, explorer: Explorer, job: Job, since: int) -> None:
        self.job = job
        self.since = since
        self.ledger = Ledger(explorer.book, explorer.journal, explorer.selector, since=since)
        self._explorer = explorer
        self._remaining: dict[str, None] = {}
        self._current = ""
        self._collected = False
        self._finished: RunFinished | None = None
        self._cancelled = ""
        self._worker: Run | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._ran: list[str] = []

    def waits_for(self, tests: set[str]) -> bool:
        """Tell whether any of these is still to run here."""
        if not self._collected:
            return bool(tests)
        return not tests.isdisjoint(self._remaining)

    def cancel(self, why: str) -> None:
        """End it: `stopped` by the user, or `superseded` by something more urgent."""
        if self._cancelled:
            return
        self._cancelled = why
        if self._worker is not None:
            self._stopping = asyncio.create_task(self._worker.stop())

    async def go(self) -> None:
        """Run the worker to its end."""
        self._worker = self._explorer.launcher.launch(self.job)
        if self._cancelled:
            self._stopping = asyncio.create_task(self._worker.stop())
        async for batch in self._worker.events():
            for event in batch:
                self._fold(event)
        try:
            status = await asyncio.wait_for(asyncio.shield(self._worker.status), _EXIT_PATIENCE)
        except TimeoutError:
            await self._worker.stop()
            status = await self._worker.status
        if self._stopping is not None:
            await self._stopping
        self._end(status)

    # --- folding ---

    def _fold(self, event: WorkerEvent) -> None:
        explorer = self._explorer
        also = self.ledger.fold(event)
        match event:
            case BlocksDeclared() | ModuleRecorded() | TestRecorded() | ModulesImported():
                return
            case RunFinished():
                self._finished = event
                return
            case RunStarted():
                self._collected = True
                self._remaining = dict.fromkeys(event.tests)
                explorer.began(self.job.run)
            case TestStarted():
                self._current = event.test
            case TestFinished():
                self._test_finished(event)
            case Collected() if self.job.files is None:
                also = self.ledger.everything_collected(event)
        explorer.publish(event, *also)

    def _test_finished(self, event: TestFinished) -> None:
        self._ran.append(event.test)
        self._remaining.pop(event.test, None)
        if event.test == self._current:
            self._current = ""

    # --- the end ---

    def _end(self, status: int) -> None:
        explorer = self._explorer
        explorer.ended(self.job.run, self._ran, self.since)
        finished = self._finished
        if finished is None and not self._cancelled:
            self._crashed(status)
        for test in [self._current, *self._remaining]:
            entry = explorer.book.tests.get(test)
            if entry is not None:
                entry.running = False
        if self._cancelled == "superseded":
            if self._collected:
                explorer.agenda.postpone(self._remaining, self.job.reason)
            elif finished is None:
                explorer.agenda.postpone_job(self.job)
        if finished is None or self._cancelled:
            counts = finished.counts if finished else {}
            ms = finished.duration_ms if finished else 0.0
            why = self._cancelled or f"the worker died ({_death(status)})"
            finished = RunFinished(run=self.job.run, counts=counts, duration_ms=ms, stopped=why)
        elif not self._collected and finished.exit_code not in (0, _NO_TESTS):
            self._did_not_collect(finished)
        elif finished.exit_code == _NO_TESTS and not explorer.book.tests:
            explorer.publish(
                Error(
                    message=f"No tests were collected in {explorer.project.root}.",
                    hint="pytest looks for test_*.py and *_test.py; save one and it runs.",
                )
            )
        explorer.publish(finished)

    def _did_not_collect(self, finished: RunFinished) -> None:
        host = self._explorer.launcher.host
        output = host.output().strip() if host else ""
        title = "pytest could not start" if finished.exit_code == _USAGE_ERROR else "pytest failed"
        self._explorer.publish(
            Error(message=f"{title}: {_last_line(output) or finished.stopped}", hint=output[-6000:])
        )

    def _crashed(self, status: int) -> None:
        """Blame the test that ran, hand on the rest."""
        explorer = self._explorer
        host = explorer.launcher.host
        output = host.output()[-6000:] if host else ""
        if not self._current:
            self._explorer.publish(
                Error(message=f"A worker died ({_death(status)}) outside of any test.", hint=output)
            )
            return
        test = self._current
        entry = explorer.book.tests.get(test)
        self.ledger.traces.close(test)
        self._fold(
            TestFinished(
                run=self.job.run,
                test=test,
                outcome="crashed",
                duration_ms=0.0,
                message=f"the worker died: {_death(status)}",
                failure=output,
                path=entry.info.path if entry else "",
                line=entry.info.line if entry else 0,
            )
        )
        if self._remaining:
            explorer.agenda.add(self._remaining, (), "left by a worker that died")


def _death(status: int) -> str:
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
