"""What the explorer does when nothing is to be done: make the next run quick, hunt, audit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from enctest.errors import EnctestError
from enctest.events import BAD_OUTCOMES, How, Hunted, Ready, TestFinished
from enctest.explorer.agenda import Wish
from enctest.explorer.audit import PAUSE
from enctest.explorer.hunt import Hunt
from enctest.explorer.leases import FIRST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enctest.explorer.book import Entry
    from enctest.explorer.explorer import Explorer

_DOUBTS = 50
"""Tests that are run in a fresh process at one time."""
_PATIENCE = 0.1
"""Seconds that a run waits for a host that is nearly there; else the old one serves it."""


class Idle:
    """The idle time of one explorer; anything that is to run ends it.

    Attributes:
        victim: The test whose polluter is to be found; empty when none is.
    """

    def __init__(self, explorer: Explorer) -> None:
        self.victim = ""
        self._doubts: dict[str, TestFinished] = {}
        self._explorer = explorer
        self._task: asyncio.Task[None] | None = None
        self._gives_way = False

    def begin(self) -> None:
        """Nothing is to be done."""
        self._task = asyncio.create_task(self._go(self._task))

    async def interrupt(self) -> None:
        """Something is to be done; a host that is being started goes on, but does not hold it up."""
        if self._task is None:
            return
        if self._gives_way:
            await self.end()
        else:
            await asyncio.wait([self._task], timeout=_PATIENCE)

    async def end(self) -> None:
        """End whatever is going on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def doubt(self, event: TestFinished, entry: Entry | None, how: How) -> None:
        """Take a result before the book does: who turns red is to fail in a fresh process as well."""
        self._doubts.pop(event.test, None)
        turned = entry is not None and entry.outcome not in BAD_OUTCOMES
        if turned and how != "fresh" and event.outcome in BAD_OUTCOMES and event.test != event.path:
            self._doubts[event.test] = event

    @property
    def is_over(self) -> bool:
        """Whether all is done that there was to do in idle time."""
        return self._task is not None and self._task.done()

    async def _go(self, before: asyncio.Task[None] | None) -> None:
        explorer = self._explorer
        self._gives_way = False
        if before is not None:
            await before  # it may still start a host
        await explorer.hosts.warm()
        self._gives_way = True
        if explorer.running is not None or not explorer.agenda.empty or not explorer.book.tests:
            return
        try:
            await self._hunt()
            await self._prepare()
            await self._settle_doubts()
            while explorer.settings.audit:
                await asyncio.sleep(PAUSE)
                audited = await explorer.audit.sample()
                if audited is None:
                    return
                explorer.journal.save(explorer.selector)
                explorer.publish(audited, *([] if explorer.wake.is_set() else [Ready()]))
        except EnctestError:
            return  # no host, no database: the next run says so

    async def _prepare(self) -> None:
        """Build what the next run resumes from, with the variables that it will have."""
        explorer, leases = self._explorer, self._explorer.leases
        lease = await leases.lease(FIRST)
        try:
            job = explorer.job(Wish(everything=True, reason="ahead"), lease.env if lease else {})
            await explorer.hosts.prepare(job)
        finally:
            leases.release(FIRST, lease)

    async def _hunt(self) -> None:
        victim, self.victim = self.victim, ""
        explorer = self._explorer
        if victim not in explorer.book.tests:
            return
        order = [entry.info.test for entry in explorer.book.in_order()]
        before = [test for test in order[: order.index(victim)] if explorer.book.tests[test].outcome]

        async def fails(tests: Sequence[str]) -> bool | None:
            results = await explorer.trials.warm(tests)
            result = results.get(victim)
            return None if result is None else result.outcome in BAD_OUTCOMES

        hunt = Hunt(victim, before, fails, self._tell)
        try:
            await hunt.go()
        except asyncio.CancelledError:
            self._tell(hunt.stopped("something else was to run; ask again"))
            raise
        explorer.publish(Ready())

    async def _settle_doubts(self) -> None:
        """Run in a fresh process what has turned red in a warm one; say where they contradict each other."""
        explorer, book = self._explorer, self._explorer.book
        doubts = {
            test: event
            for test, event in list(self._doubts.items())[:_DOUBTS]
            if test in book.tests and book.tests[test].outdated is None
        }
        if not doubts:
            return
        results = await explorer.trials.fresh(list(doubts))
        self._doubts.clear()
        contradictions = [
            msgspec.structs.replace(fresh, warm=doubts[test].outcome)
            for test, fresh in results.items()
            if test in doubts and fresh.outcome not in BAD_OUTCOMES
        ]
        for event in contradictions:
            explorer.journal.finished(book.finished(event, book.tests[event.test].ran), event)
        if contradictions:
            explorer.journal.save(explorer.selector)
            explorer.publish(*contradictions, Ready())

    def _tell(self, event: Hunted) -> None:
        self._explorer.publish(event)
