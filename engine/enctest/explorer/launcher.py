"""Hosts and databases for runs: started when needed, one copy of every database ahead of time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from enctest.config import Settings
from enctest.databases.manager import DatabaseManager, Lease
from enctest.errors import EnctestError
from enctest.events import DatabaseStatus
from enctest.paths import Project
from enctest.session.control import Host, Run, environment, script_of
from enctest.session.host import Setup
from enctest.session.job import HostReady, Job


class Launcher:
    """Starts runs.

    Args:
        project: The project under test.
        settings: Its settings.
        python: Its interpreter.
        args: The user's pytest arguments.
        on_databases: Called (on any thread) when a database's state changes.
        on_host_exit: Called when the session host dies by itself, with its last output.
    """

    def __init__(
        self,
        project: Project,
        settings: Settings,
        *,
        python: str,
        args: Sequence[str],
        on_databases: Callable[[tuple[DatabaseStatus, ...]], None],
        on_host_exit: Callable[[str], None],
    ) -> None:
        self._project = project
        self._python = python
        self._args = list(args)
        self._on_host_exit = on_host_exit
        self.modules: list[str] = []
        self.never: set[str] = set()
        self.host: Host | None = None
        self.ready: HostReady | None = None
        self.databases = DatabaseManager(settings.databases, project, on_databases)
        self._managed = bool(settings.databases)
        self._preload = settings.preload
        self._spare: asyncio.Task[Lease] | None = None
        self._count = 0

    async def start_host(self) -> HostReady:
        """Start the session host, ending one that runs.

        Raises:
            EnctestError: pytest refuses its configuration, or the interpreter lacks enctest.
        """
        await self.stop_host()
        return await self._start()

    async def warm(self) -> None:
        """Replace the host by one that has imported what runs have been seen to import, if that is more.

        The old one serves until then, and ends with its last run.
        """
        if self.host is None or self.host.modules == tuple(self._modules()):
            return
        old = self.host
        with contextlib.suppress(EnctestError):  # the old one goes on
            await self._start()
        if self.host is not old:
            await old.close_when_idle()

    def _modules(self) -> list[str]:
        return self.modules if self._preload else []

    async def _start(self) -> HostReady:
        setup = Setup(
            control=-1,
            args=self._args,
            script=script_of(self._python),
            root=str(self._project.root),
            modules=self._modules(),
            never=sorted(self.never),
        )
        host = Host(
            setup,
            python=self._python,
            cwd=self._project.invocation,
            env=environment(self._python),
            on_exit=self._on_host_exit,
        )
        try:
            ready = await host.start()
        except BaseException:  # a cancelled warm-up too: its process must not be left behind
            await host.close()
            raise
        self.host, self.ready = host, ready
        self.never |= set(ready.left_out)
        return ready

    async def stop_host(self) -> None:
        """End the session host and its runs."""
        host, self.host, self.ready = self.host, None, None
        if host is not None:
            await host.close()

    async def prepare_databases(self) -> None:
        """Bring the declared databases up to date; does nothing when there are none.

        Raises:
            EnctestError: No server to be had, or a migration fails.
        """
        if self._managed:
            await self._drop_spare()
            await asyncio.to_thread(self.databases.prepare)
            self._provide()

    async def lease(self) -> Lease | None:
        """Return fresh copies of the declared databases.

        Raises:
            EnctestError: They could not be made.
        """
        if not self._managed:
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

    def launch(self, job: Job) -> Run:
        """Fork a worker for a job."""
        if self.host is None:
            raise EnctestError("the session host is not running")
        return self.host.launch(job)

    async def close(self) -> None:
        """End everything."""
        await self.stop_host()
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


def inside(path: str, root: Path) -> str:
    """Return a path relative to the root when it is inside, else as it is."""
    candidate = Path(path)
    return candidate.relative_to(root).as_posix() if candidate.is_relative_to(root) else path
