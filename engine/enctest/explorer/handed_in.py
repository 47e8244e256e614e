"""Plain runs while an explorer is open: shown as they go on, and it is the one that writes the history."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec

from enctest.dependencies import DependencyRecord
from enctest.events import (
    Error,
    FileCollected,
    FollowRun,
    IdeWaits,
    Notice,
    RunFinished,
    Span,
    SpanEnded,
    SpanEvent,
    SpanStarted,
    TakeRun,
    TestFinished,
    TestRenamed,
    TestStarted,
    WorkerEvent,
)
from enctest.explorer.ledger import Ledger
from enctest.explorer.measuring import PLAIN, Measuring
from enctest.session.spool import PREFIX, Tail, owner_lives, read

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer

_TOLD = (FileCollected, TestStarted, TestFinished, TestRenamed, SpanStarted, SpanEvent, SpanEnded)
_LEARNT = get_args(DependencyRecord)
_SLICE = 0.005
"""Seconds of folding at a time."""
_PAUSE = 0.05
"""Seconds between two looks at what a run that goes on has written."""


class HandedIn:
    """Folds plain runs into an explorer's state, as if their tests had run here."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._guests: dict[str, _Guest] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def told(self, command: FollowRun | TakeRun) -> None:
        """Do what a run asks."""
        if isinstance(command, FollowRun):
            self.follow(Path(command.folder))
        else:
            self.take(Path(command.folder))

    def follow(self, folder: Path) -> None:
        """Show what a run writes that has just begun; `folder` is a spool in the project's state folder."""
        if self._is_spool(folder) and folder.name not in self._guests:
            self._receive(folder)

    def take(self, folder: Path) -> None:
        """Take over the files of a run that is over."""
        if not self._is_spool(folder):
            return
        mine = folder.with_name(f"taken-{folder.name}")
        with contextlib.suppress(OSError):  # it has given up, and removed them
            folder.rename(mine)
            (self._guests.get(folder.name) or self._receive(folder)).taken(mine)

    def look(self, test: str) -> tuple[int, tuple[Span, ...]] | None:
        """Return the run and the spans so far of a test that runs elsewhere now, None if it does not."""
        return next((guest.look(test) for guest in self._guests.values() if test in guest.running), None)

    async def close(self) -> None:
        """Finish what was taken; of a run that goes on, its own process will see to it."""
        for guest in self._guests.values():
            guest.leave()
        await asyncio.gather(*self._tasks)

    def _is_spool(self, folder: Path) -> bool:
        return folder.parent == self._explorer.project.state and folder.name.startswith(PREFIX)

    def _receive(self, folder: Path) -> _Guest:
        guest = self._guests[folder.name] = _Guest(self._explorer, folder)
        task = asyncio.get_running_loop().create_task(self._attend(folder.name, guest))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return guest

    async def _attend(self, name: str, guest: _Guest) -> None:
        try:
            await guest.attend()
        finally:
            del self._guests[name]


class _Guest:
    """A run in somebody else's process.

    Attributes:
        running: Its tests that run now.
    """

    def __init__(self, explorer: Explorer, folder: Path) -> None:
        self.running: set[str] = set()
        self._explorer = explorer
        self._tail = Tail(folder)
        self._run = explorer.new_run()
        self._ledger: Ledger | None = None
        self._ran: list[str] = []
        self._counts: Counter[str] = Counter()
        self._duration_ms = 0.0
        self._moved = asyncio.Event()
        self._is_mine = self._is_over = False

    def taken(self, folder: Path) -> None:
        """It is over, and its files are ours now."""
        self._tail.folder, self._is_mine = folder, True
        self._is_over = True
        self._moved.set()

    def leave(self) -> None:
        """Read no further, unless it is over."""
        self._moved.set()

    def look(self, test: str) -> tuple[int, tuple[Span, ...]]:
        """Return the run's number, and the spans of a test so far."""
        return self._run, (self._ledger.traces.of(test) if self._ledger else None) or ()

    async def attend(self) -> None:
        """Follow it to its end, and take what it has left."""
        try:
            while not self._moved.is_set():
                await self._fold()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), _PAUSE)
                if not self._moved.is_set() and not owner_lives(self._tail.folder):
                    self._inherit()
            if self._is_mine:
                await self._fold()
                await self._learn()
        finally:
            if self._is_mine:
                shutil.rmtree(self._tail.folder, ignore_errors=True)
        if self._is_over:
            self._end()

    def _inherit(self) -> None:
        """Its process has been killed."""
        folder = self._tail.folder
        mine = folder.with_name(f"taken-{folder.name}")
        with contextlib.suppress(OSError):  # another run has swept it
            folder.rename(mine)
            self.taken(mine)
        self._is_over = True
        self._moved.set()

    async def _fold(self) -> None:
        """Take what happened; what depends on what comes at the end, in the order of processes."""
        until = time.monotonic() + _SLICE
        for event in self._tail.more():
            if not isinstance(event, _LEARNT):
                self._take(_renumbered(event, self._run))
            if time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + _SLICE

    def _take(self, event: WorkerEvent) -> None:
        explorer = self._explorer
        if isinstance(event, TestStarted):
            self.running.add(event.test)
        if isinstance(event, TestFinished):
            self.running.discard(event.test)
            self._ran.append(event.test)
            self._counts[event.outcome] += 1
        if isinstance(event, RunFinished):
            self._duration_ms = max(self._duration_ms, event.duration_ms)
        also = self._open_ledger(event).fold(event)
        if isinstance(event, _TOLD):
            explorer.publish(event, *also)

    def _open_ledger(self, first: WorkerEvent) -> Ledger:
        if self._ledger is None:
            explorer = self._explorer
            since = explorer.changes.last_before(first.t)
            self._ledger = Ledger(
                explorer.book,
                explorer.journal,
                explorer.selector,
                since=since,
                measuring=Measuring(explorer.project, explorer.settings.findings, PLAIN),
                whole=False,
            )
        return self._ledger

    async def _learn(self) -> None:
        until = time.monotonic() + _SLICE
        for event in read(self._tail.folder):
            if isinstance(event, _LEARNT):
                self._open_ledger(event).fold(_renumbered(event, self._run))
            if time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + _SLICE

    def _end(self) -> None:
        explorer = self._explorer
        for test in self.running:
            if entry := explorer.book.tests.get(test):
                entry.running = False
        explorer.ended(self._run, self._ran, since=-1)
        explorer.journal.save(explorer.selector)
        explorer.publish(
            RunFinished(run=self._run, counts=dict(self._counts), duration_ms=self._duration_ms),
            Notice(message=_taken(sum(self._counts.values()))),
        )
        explorer.interrupt(set())


def _taken(number: int) -> str:
    return (
        "1 result of a plain run was taken"
        if number == 1
        else f"{number:,} results of a plain run were taken"
    )


def _renumbered(event: WorkerEvent, run: int) -> WorkerEvent:
    """Return a record with a run number of this explorer's: the run could only guess one."""
    if isinstance(event, Error | IdeWaits | Notice | TestRenamed):
        return event
    return msgspec.structs.replace(event, run=run)
