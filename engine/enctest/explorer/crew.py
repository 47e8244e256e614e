"""The processes of one run: one worker, or several that were forked from one collected copy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from enctest.errors import EnctestError
from enctest.events import RunStarted, WorkerEvent
from enctest.session.job import Job
from enctest.session.points import Point, Process
from enctest.session.queue import tickets

if TYPE_CHECKING:
    from enctest.databases.manager import Lease
    from enctest.explorer.hosts import Hosts
    from enctest.explorer.leases import Leases
    from enctest.session.control import Host

_PENDING = 64
"""Batches that wait to be folded, before workers have to wait."""


class Crew:
    """Runs one job.

    Args:
        hosts: Where processes come from.
        leases: Where databases come from.
        job: What is to be done; its stream, places and workers are filled in here.
        workers: How many processes are to run tests.
        tests: How many tests there are at most.
        fresh: Start a pytest process for it, which has nothing from before.
    """

    def __init__(
        self, hosts: Hosts, leases: Leases, job: Job, *, workers: int, tests: int, fresh: bool = False
    ) -> None:
        self.processes: list[Process] = []
        self._hosts = hosts
        self._leases = leases
        self._job = job
        self._workers = workers
        self._tests = tests
        self._fresh = fresh
        self._host: Host | None = None
        self._lent: dict[str, Lease | None] = {}
        self._stopping: asyncio.Task[None] | None = None

    async def events(self) -> AsyncIterator[tuple[Process, list[WorkerEvent]]]:
        """Yield what each process says, until all have ended."""
        self._hosts.use()
        await self._hosts.revised()
        if self._workers == 1 or self._fresh:
            start = await self._start()
            async for said in self._follow(self._hosts.launch(start, self._job)):
                yield said
            return
        held = self._hosts.collected(self._job)
        if held is None:
            start = self._hosts.below_collected(self._job.env)
            builder = self._hosts.build(start, self._job, hold="run")
            async for said in self._follow(builder):
                yield said
            held = await builder.fate
        if held is not None and self._stopping is None:
            async for said in self._share(held):
                yield said

    async def _start(self) -> Point:
        if not self._fresh:
            return self._hosts.start_of(self._job.env)
        self._host = await self._hosts.fresh()
        return self._host

    async def _share(self, held: Point) -> AsyncIterator[tuple[Process, list[WorkerEvent]]]:
        started = await self._start_workers(held)
        pending: asyncio.Queue[tuple[Process, list[WorkerEvent]] | None] = asyncio.Queue(_PENDING)
        begun = asyncio.Event()  # the first worker tells what there is: nobody is heard before it

        async def pump(process: Process) -> None:
            first = process is started[0]
            try:
                async for said in self._follow(process):
                    if not first:
                        await begun.wait()
                    await pending.put(said)
                    if first and any(isinstance(event, RunStarted) for event in said[1]):
                        begun.set()
            finally:
                if first:
                    begun.set()
                await pending.put(None)

        tasks = [asyncio.create_task(pump(process)) for process in started]
        try:
            for _ in range(len(tasks)):
                while (said := await pending.get()) is not None:
                    yield said
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _start_workers(self, held: Point) -> list[Process]:
        """Fork the workers from a collected copy, all with one queue."""
        queue = tickets(self._tests)
        run = uuid.uuid4().hex
        started: list[Process] = []
        try:
            for number in range(self._workers):
                try:
                    lent = await self._lend(number)
                except EnctestError:
                    break  # there is room for no more databases: the workers that have some do the work
                env = self._job.env | lent | xdist_variables(number, self._workers, run)
                job = msgspec.structs.replace(self._job, worker=number, workers=self._workers, env=env)
                started.append(self._hosts.launch(self._hosts.start_of(job.env, held), job, queue=queue))
        finally:
            os.close(queue)
        return started

    async def _lend(self, number: int) -> dict[str, str]:
        """Return the variables of a worker's own databases; the first one has the job's."""
        if number == 0:
            return {}
        slot = str(number)
        lease = self._lent[slot] = await self._leases.lease(slot)
        return lease.env if lease else {}

    async def _follow(self, process: Process) -> AsyncIterator[tuple[Process, list[WorkerEvent]]]:
        self.processes.append(process)
        if self._stopping is not None:
            await process.stop()
        async for batch in process.events():
            yield process, batch

    def stop(self) -> None:
        """End all processes, now and those that were to follow."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes))

    async def ended(self, patience: float) -> None:
        """Wait until every process is gone; one that takes longer than `patience` seconds is stopped."""
        try:
            await self._end(patience)
        finally:
            self._hosts.leave()

    async def _end(self, patience: float) -> None:
        for process in self.processes:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.status), patience)
            if not process.status.done():
                await process.stop()
                await process.status
        if self._stopping is not None:
            await self._stopping
        if self._host is not None:
            await self._host.close()
        for slot, lease in self._lent.items():
            self._leases.release(slot, lease)
        self._lent.clear()


def xdist_variables(worker: int, workers: int, run: str) -> dict[str, str]:
    """Return the variables that suites written for pytest-xdist look at."""
    return {
        "PYTEST_XDIST_WORKER": f"gw{worker}",
        "PYTEST_XDIST_WORKER_COUNT": str(workers),
        "PYTEST_XDIST_TESTRUNUID": run,
    }
