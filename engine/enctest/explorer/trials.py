"""Trials: tests that run to answer a question, without a place in the book or in the history."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from enctest.events import TestFinished, TestStarted, WorkerEvent
from enctest.explorer.agenda import Wish
from enctest.explorer.leases import FIRST

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer
    from enctest.session.points import Point, Process

_EXIT_PATIENCE = 5.0
_APART = "apart"
"""The slot of databases for trials while a run has its own."""


class Trials:
    """Runs tests in one worker, in a given order, and says what became of them."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    async def warm(self, tests: Sequence[str], *, nice: int = 0) -> dict[str, TestFinished]:
        """Run tests from the deepest snapshot; only while no run goes on.

        Raises:
            EnctestError: There is no session host, or no database to be had.
        """
        lease = await self._explorer.leases.lease(FIRST)
        try:
            env = lease.env if lease else {}
            start = self._explorer.hosts.start_of(env)
            return await self._run(start, tests, env, nice=nice)
        finally:
            self._explorer.leases.release(FIRST, lease)

    async def fresh(
        self, tests: Sequence[str], listen: Callable[[WorkerEvent], None] = lambda _: None
    ) -> dict[str, TestFinished]:
        """Run tests in a pytest process that was started for them; `listen` hears all it says.

        Raises:
            EnctestError: It does not start, or there is no database to be had.
        """
        lease = await self._explorer.leases.lease(_APART)
        try:
            host = await self._explorer.hosts.fresh()
            try:
                return await self._run(host, tests, lease.env if lease else {}, listen)
            finally:
                await host.close()
        finally:
            self._explorer.leases.release(_APART, lease)

    async def _run(
        self,
        start: Point,
        tests: Sequence[str],
        env: dict[str, str],
        listen: Callable[[WorkerEvent], None] = lambda _: None,
        *,
        nice: int = 0,
    ) -> dict[str, TestFinished]:
        explorer = self._explorer
        job = explorer.job(Wish(tests=set(tests), reason="trial"), env)
        job = msgspec.structs.replace(job, order=tuple(tests), nice=nice)
        process = explorer.hosts.launch(start, job)
        results: dict[str, TestFinished] = {}
        current = ""
        try:
            async for batch in process.events():
                for event in batch:
                    if isinstance(event, TestStarted):
                        current = event.test
                    elif isinstance(event, TestFinished):
                        results[event.test] = event
                    listen(event)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.status), _EXIT_PATIENCE)
        finally:
            if not process.status.done():
                process.kill()
            explorer.hosts.finish(process.job.stream)
        if current and current not in results:
            results[current] = _crashed(process, current)
        return results


def _crashed(process: Process, test: str) -> TestFinished:
    return TestFinished(
        t=time.time(),
        run=process.job.run,
        test=test,
        outcome="crashed",
        duration_ms=0.0,
        message="its process died",
        failure=process.output,
    )
