"""Leases of managed databases: each slot (a worker's place) has fresh copies, under the same names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from enctest.config import Settings
from enctest.databases.declared import Held
from enctest.databases.manager import DatabaseManager, Lease
from enctest.errors import EnctestError
from enctest.events import DatabaseStatus
from enctest.paths import Project

FIRST = "0"
"""The slot of a run's first worker."""


class Leases:
    """Lends databases.

    Args:
        project: The project under test.
        settings: Its settings.
        on_databases: Called (on any thread) when a database's state changes.
    """

    def __init__(
        self,
        project: Project,
        settings: Settings,
        on_databases: Callable[[tuple[DatabaseStatus, ...]], None],
    ) -> None:
        self.databases = DatabaseManager(settings.databases, project, on_databases)
        self.managed = bool(settings.databases)
        self._declared = Held(project)
        self._looking: asyncio.Task[None] | None = None
        self._ready: dict[str, asyncio.Task[Lease]] = {}

    async def prepare(self) -> None:
        """Bring the declared databases up to date; does nothing when there are none.

        Raises:
            EnctestError: No server to be had, or a migration fails.
        """
        if not self.managed:
            return
        before = [*self._ready]
        await self._give_back()  # migrations run under the name that a copy has
        await asyncio.to_thread(self.databases.prepare)
        for slot in before or [FIRST]:
            self._provide(slot)

    async def lease(self, slot: str) -> Lease | None:
        """Return fresh copies of the declared databases; a slot's have the same variables each time.

        Raises:
            EnctestError: They could not be made.
        """
        if not self.managed:
            return None
        if slot not in self._ready:
            self._provide(slot)
        return await self._ready.pop(slot)

    def release(self, slot: str, lease: Lease | None) -> None:
        """Give copies back; the slot's next ones are made at once, in the background."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(asyncio.to_thread(self._declared.look))
        if lease is not None:
            self._ready[slot] = asyncio.create_task(asyncio.to_thread(self.databases.renew, lease))
            self._ready[slot].add_done_callback(_retrieve)

    async def close(self) -> None:
        """Give everything back."""
        await self._give_back()
        if self._looking is not None:
            await self._looking
        await asyncio.to_thread(self._declared.close)
        await asyncio.to_thread(self.databases.close)

    def _provide(self, slot: str) -> None:
        self._ready[slot] = asyncio.create_task(asyncio.to_thread(self.databases.lease, slot))
        self._ready[slot].add_done_callback(_retrieve)

    async def _give_back(self) -> None:
        ready, self._ready = self._ready, {}
        for task in ready.values():
            with contextlib.suppress(EnctestError):  # it could not be made: nothing to give back
                await asyncio.to_thread(self.databases.release, await task)


def _retrieve(task: asyncio.Task[Lease]) -> None:
    """Mark a failure as seen; whoever awaits the task gets it anyway."""
    if not task.cancelled():
        task.exception()
