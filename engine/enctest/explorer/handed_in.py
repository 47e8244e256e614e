"""Results that plain runs hand in while an explorer is open: it is the one that writes the history."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from enctest.events import Error, FileCollected, Notice, TakeRun, TestFinished, TestRenamed, WorkerEvent
from enctest.explorer.ledger import Ledger
from enctest.explorer.measuring import PLAIN, Measuring
from enctest.session.spool import read
from enctest.wire import pack

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer

_TOLD = (FileCollected, TestFinished, TestRenamed)
_SLICE = 0.005
"""Seconds of folding at a time."""
_PATIENCE = 5.0


def hand_in(folder: Path, door: str) -> bool:
    """Hand a plain run's files to the explorer behind `door`; True once it has taken them over."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(door)
        connection.sendall(pack([TakeRun(folder=str(folder))]))
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if not folder.exists():
                return True
            time.sleep(0.01)
    return not folder.exists()


class HandedIn:
    """Folds plain runs into an explorer's state, as if their tests had run here."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, folder: Path) -> None:
        """Take over the files of a run that is over; `folder` is a spool in the project's state folder."""
        if folder.parent != self._explorer.project.state or not folder.name.startswith("spool-"):
            return
        mine = folder.with_name(f"taken-{folder.name}")
        with contextlib.suppress(OSError):  # it has given up, and removed them
            folder.rename(mine)
            task = asyncio.get_running_loop().create_task(self._fold(mine))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what was taken."""
        await asyncio.gather(*self._tasks)

    async def _fold(self, folder: Path) -> None:
        explorer = self._explorer
        run = explorer.new_run()
        ledger: Ledger | None = None
        ran: list[str] = []
        until = time.monotonic() + _SLICE
        try:
            for told in read(folder):
                event = _renumbered(told, run)
                if ledger is None:
                    since = explorer.changes.last_before(event.t)
                    ledger = Ledger(
                        explorer.book,
                        explorer.journal,
                        explorer.selector,
                        since=since,
                        measuring=Measuring(explorer.project, explorer.settings.findings, PLAIN),
                        whole=False,
                    )
                also = ledger.fold(event)
                if isinstance(event, _TOLD):
                    explorer.publish(event, *also)
                if isinstance(event, TestFinished):
                    ran.append(event.test)
                if time.monotonic() > until:
                    await asyncio.sleep(0)
                    until = time.monotonic() + _SLICE
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        explorer.ended(run, ran, since=-1)
        explorer.journal.save(explorer.selector)
        explorer.publish(Notice(message=f"{len(ran)} results of a plain run were taken"))
        explorer.interrupt(set())


def _renumbered(event: WorkerEvent, run: int) -> WorkerEvent:
    """Return a record with a run number of this explorer's: the run could only guess one."""
    if isinstance(event, Error | Notice | TestRenamed):
        return event
    return msgspec.structs.replace(event, run=run)
