"""The conductor: makes ready what runs need, takes one wish after the other, and says when all is done."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from enctest.errors import EnctestError
from enctest.events import Ready, Settled
from enctest.explorer.leases import FIRST
from enctest.explorer.running import Running

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer


class Conductor:
    """Turns the wishes on an explorer's agenda into runs."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    async def conduct(self) -> None:
        """Turn wishes into runs until cancelled."""
        explorer = self._explorer
        await explorer.changes.watching.wait()  # else what is saved between a look and the watch is lost
        self._begin()
        while True:
            explorer.wake.clear()
            if not await self._make_ready():
                explorer.agenda.clear()
            if explorer.agenda.empty:
                self._settle()
                explorer.idle.begin()
                await explorer.wake.wait()
                await explorer.idle.interrupt()
                continue
            await self._run()

    def _begin(self) -> None:
        """Compare the project with what the history knows."""
        explorer = self._explorer
        effect = explorer.selector.scan()
        history = explorer.journal.history
        if history.begun_anew:
            explorer.book.outdate(list(explorer.book.tests), explorer.change)
            explorer.journal.outdated(explorer.book.in_order(), explorer.selector)
        if history.begun_anew or not explorer.book.tests:
            explorer.agenda.everything("first run")
            return
        explorer.earlier.start()
        if effect.paths or effect.everything:
            explorer.changes.take(effect, "changed while away")
        elif waiting := explorer.book.outdated():
            explorer.agenda.add(waiting, set(), "left from last time")
        if explorer.begins_with_failed:
            explorer.agenda.add(
                explorer.book.failed() - explorer.book.broken, explorer.book.broken, "failed last time"
            )

    async def _make_ready(self) -> bool:
        """Start what runs need; False, said to the user, when that fails."""
        explorer = self._explorer
        try:
            steps = []
            if explorer.needs_host:
                steps.append(self._start_host())
            if explorer.needs_databases:
                steps.append(explorer.leases.prepare())
            results = await asyncio.gather(*steps, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        except EnctestError as error:
            explorer.tell(error)
            return False
        explorer.selector.learn_databases(explorer.settings.databases)
        explorer.needs_host = explorer.needs_databases = False
        return True

    async def _start_host(self) -> None:
        explorer = self._explorer
        await explorer.idle.end()
        if explorer.selector.adopt(await explorer.hosts.start()):
            explorer.agenda.everything("other test files than assumed")

    async def _run(self) -> None:
        explorer = self._explorer
        explorer.new_run()
        leases = explorer.leases
        try:
            lease = await leases.lease(FIRST)
        except EnctestError as error:
            explorer.needs_databases = True
            explorer.agenda.clear()
            explorer.tell(error)
            return
        wish = explorer.agenda.next()
        job = explorer.job(wish, lease.env if lease else {})
        explorer.running = Running(explorer, wish, job, explorer.change)
        explorer.set_phase("collecting", job.run)
        try:
            await explorer.running.go()
        finally:
            explorer.running = None
            explorer.hosts.chain.sweep()
            explorer.journal.save(explorer.selector)
            leases.release(FIRST, lease)

    def _settle(self) -> None:
        explorer = self._explorer
        if explorer.saved_at:
            explorer.publish(Settled(ms=(time.time() - explorer.saved_at) * 1000))
            explorer.saved_at = 0.0
        explorer.set_phase("idle")
        explorer.publish(Ready())
