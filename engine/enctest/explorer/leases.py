"""Leases of managed databases for runs: one copy of every database is ready ahead of time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from enctest.config import Settings
from enctest.databases.manager import DatabaseManager, Lease
from enctest.errors import EnctestError
from enctest.events import DatabaseStatus
from enctest.paths import Project


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
        self._spare: asyncio.Task[Lease] | None = None
        self._count = 0

    async def prepare(self) -> None:
        """Bring the declared databases up to date; does nothing when there are none.

        Raises:
            EnctestError: No server to be had, or a migration fails.
        """
        if self.managed:
            await self._drop_spare()
            await asyncio.to_thread(self.databases.prepare)
            self._provide()

    async def lease(self) -> Lease | None:
        """Return fresh copies of the declared databases.

        Raises:
            EnctestError: They could not be made.
        """
        if not self.managed:
            return None
        if self._spare is None:
            self._provide()
        spare, self._spare = self._spare, None
        lease = await spare if spare is not None else None
        self._provide()
        return lease

    async def release(self, lease: Lease | None) -> None:
        """Give copies back."""
        if lease is not None:
            with contextlib.suppress(EnctestError):  # the server may be gone: then so are they
                await asyncio.to_thread(self.databases.release, lease)

    async def close(self) -> None:
        """Give everything back."""
        await self._drop_spare()
        await asyncio.to_thread(self.databases.close)

    def _provide(self) -> None:
        self._count += 1
        self._spare = asyncio.create_task(asyncio.to_thread(self.databases.lease, f"run{self._count}"))
        self._spare.add_done_callback(_retrieve)

    async def _drop_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            with contextlib.suppress(EnctestError):
                await self.release(await spare)


def _retrieve(task: asyncio.Task[Lease]) -> None:
    """Mark a failure as seen; whoever awaits the task gets it anyway."""
    if not task.cancelled():
        task.exception()
