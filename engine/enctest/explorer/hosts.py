"""Session hosts and the snapshots that descend from them: where the processes of runs come from."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from enctest.config import Settings
from enctest.dependencies import BlocksDeclared, ModuleRecorded, TestRecorded
from enctest.errors import EnctestError
from enctest.explorer.chain import Chain, cores, covers
from enctest.paths import Project
from enctest.session.control import Host, environment, script_of
from enctest.session.host import Setup
from enctest.session.job import COLLECTED, HostReady, Job, Revised, SnapshotRefused
from enctest.session.points import Family, Point, Process
from enctest.session.xdist_options import asked_workers

_REVISION = 2.0
"""Seconds that a snapshot has to take over an edit."""
_TRIES = 4
"""Hosts that are started at most until none has imported what must not be imported ahead."""


class Records(Protocol):
    """Who takes the dependency records of workers, by the worker's stream number."""

    def begin_run(self, stream: int, parent: int | None = None) -> None:
        """Records of a worker follow, which goes on from where another one was suspended."""

    def feed(self, record: BlocksDeclared | ModuleRecorded | TestRecorded, *, ahead: bool = False) -> None:
        """Take a record, of a run or `ahead` of any."""

    def has_numbered(self, stream: int, functions: int) -> bool:
        """Tell whether so many functions of a worker have been declared by now."""

    def end_run(self, stream: int) -> None:
        """No record of this worker follows, nor of one that goes on from it."""


class Hosts:
    """Starts workers, from the deepest process that is still true.

    Attributes:
        modules: Third-party modules to import ahead.
        never: Those that must not be, with the reason.
        sets: Environment variables that the project sets itself, before or while it collects.
        refused: Places where no snapshot could be made, with the reason.
        unfit: Why the last edit could not be taken over by the collected copy; empty if it was.
        change: Number of the last change.
        forks: Runs go on from copies of a process; else each has a process that is started for it.
        workers: How many processes run tests at the same time.

    Args:
        project: The project under test.
        settings: Its settings.
        python: Its interpreter.
        args: The user's pytest arguments; their `-n` is how many workers run tests at the same time.
        on_exit: Called when the session host dies by itself, with its last output.
        records: Takes the dependency records of workers.
    """

    def __init__(
        self,
        project: Project,
        settings: Settings,
        *,
        python: str,
        args: Sequence[str],
        on_exit: Callable[[str], None],
        records: Records,
    ) -> None:
        self.modules: list[str] = []
        self.never: dict[str, str] = {}
        self.sets: set[str] = set()
        self.refused: dict[str, str] = {}
        self.unfit = ""
        self.change = 0
        self.host: Host | None = None
        self.ready: HostReady | None = None
        self.chain = Chain(settings.snapshots, settings.snapshot_memory)
        self._settings = settings
        self._project = project
        self._python = python
        self._args = list(args)
        asked = asked_workers(self._args)
        self.forks = settings.fork and hasattr(os, "fork")
        self.workers = max(1, asked) if asked is not None else settings.workers or cores()
        self._on_exit = on_exit
        self._records = records
        self._leaving: list[tuple[Host, Chain]] = []
        self._ended: set[int] = set()
        self._unused = asyncio.Event()
        self._unused.set()
        self._streams = itertools.count(1)

    # --- hosts ---

    async def start(self) -> HostReady:
        """Start the session host, ending one that runs.

        Raises:
            EnctestError: pytest refuses its configuration, or the interpreter lacks enctest.
        """
        await self.stop()
        for _ in range(_TRIES):
            self.host, self.ready, self.chain = await self._start(self._modules(), self.chain)
            if not self._learn(self.ready):
                break
            await self.stop()
        assert self.ready is not None  # noqa: S101 - the loop ran
        return self.ready

    async def warm(self) -> None:
        """Replace the host by one that has imported what runs have been seen to import, if that is more.

        The old one serves until then, and ends with its last run.
        """
        for _ in range(_TRIES):
            if self.host is None or self.host.modules == tuple(self._modules()):
                return
            old, chain = self.host, self.chain
            with contextlib.suppress(EnctestError):  # the old one goes on
                self.host, self.ready, self.chain = await self._start(self._modules(), chain)
                self._learn(self.ready)
            if self.host is old:
                return
            self._leaving.append((old, chain))
            await self._unused.wait()  # a run that has begun may fork more workers from what it has
            await old.wait_until_idle()
            await self._see_off()

    async def _see_off(self) -> None:
        """End hosts that others have taken the place of."""
        while self._leaving:
            host, chain = self._leaving[0]
            await chain.clear()  # first: they hold the pipe whose end says that the host is gone
            await host.close()
            self._leaving = self._leaving[1:]

    def _modules(self) -> list[str]:
        return [name for name in self.modules if name not in self.never] if self._settings.preload else []

    def _learn(self, ready: HostReady) -> bool:
        """Remember what must not be imported ahead; True when the host has imported some of it."""
        self.never |= ready.left_out
        return bool(ready.unsafe)

    async def _start(
        self, modules: list[str], before: Chain, *, once: bool = False
    ) -> tuple[Host, HostReady, Chain]:
        setup = Setup(
            control=-1,
            args=self._args,
            script=script_of(self._python),
            root=str(self._project.root),
            modules=modules,
            never=sorted(self.never),
            sets=sorted(self.sets),
            once=once,
        )
        chain = Chain(self._settings.snapshots, self._settings.snapshot_memory, before)
        host = Host(
            setup,
            python=self._python,
            cwd=self._project.invocation,
            env=environment(self._python),
            on_exit=_expected if once else self._on_exit,
            family=Family(
                on_snapshot=lambda point: self._suspended(chain, point),
                on_refused=self._refused,
                on_revised=lambda point, event: self._revised(chain, point, event),
                on_gone=self._gone,
            ),
        )
        try:
            ready = await host.start()
        except BaseException:  # a cancelled warm-up too: its process must not be left behind
            await host.close()
            raise
        return host, ready, chain

    async def fresh(self) -> Host:
        """Start a host of its own for a run that is to have nothing from before; the caller closes it.

        Raises:
            EnctestError: It does not start.
        """
        host, _, _ = await self._start([], Chain(0, 0), once=True)
        return host

    async def stop(self) -> None:
        """End the session host, its snapshots and its runs."""
        if self.host is not None:
            self._leaving.append((self.host, self.chain))
        self.host = self.ready = None
        await self._see_off()

    # --- workers ---

    def use(self) -> None:
        """A run begins: until `leave`, no process that it may go on from is ended for another host."""
        self._unused.clear()

    def leave(self) -> None:
        """The run is over."""
        self._unused.set()

    def start_of(self, env: Mapping[str, str], rather: Point | None = None) -> Point:
        """Return the deepest process from which a run with these variables can go on; `rather` if that can.

        Raises:
            EnctestError: There is no session host.
        """
        point = Chain.suiting([rather], env) if rather is not None else None
        point = point or self.chain.deepest(env) or self.host
        if point is None:
            raise EnctestError("the session host is not running")
        return point

    def collected(self, job: Job) -> Point | None:
        """Return the collected copy, if it holds what a job needs."""
        point = self.chain.deepest(job.env)
        return point if point is not None and covers(point, job) else None

    def launch(self, point: Point, job: Job, *, queue: int | None = None) -> Process:
        """Fork a worker that goes on from `point`."""
        stream = next(self._streams)
        self._records.begin_run(stream, point.info.stream if point.info else None)
        if self.host is not None:
            self.host.forget_output()
        return point.launch(msgspec.structs.replace(job, stream=stream), queue=queue, since=self.change)

    def build(self, point: Point, job: Job, *, hold: Literal["run", "stop"]) -> Process:
        """Fork a worker that leaves copies of itself on the way and suspends once it has collected."""
        places = self.chain.places(point)
        late = self.chain.late(job.files)
        return self.launch(point, msgspec.structs.replace(job, places=places, last=late, hold=hold))

    async def prepare(self, job: Job) -> None:
        """Build what the next run resumes from; may be cancelled at any moment."""
        if not self.forks:
            return
        point = self.start_of(job.env)
        if point.info is not None and point.info.place == COLLECTED:
            if covers(point, job) and not point.is_revised:
                return
            point = self.below_collected(job.env)
        builder = self.build(point, job, hold="stop")
        try:
            async for batch in builder.events():
                for event in batch:
                    if isinstance(event, BlocksDeclared | ModuleRecorded):
                        self._records.feed(event, ahead=True)
            await builder.fate
            self.chain.trim()
        finally:
            if not builder.fate.done():
                builder.kill()
            self.finish(builder.job.stream)

    def below_collected(self, env: Mapping[str, str]) -> Point:
        """Return the deepest process that has not collected: one that has cannot collect anew.

        Raises:
            EnctestError: There is no session host.
        """
        shallower = [point for point in self.chain.points if point.info and point.info.place != COLLECTED]
        suiting = Chain.suiting(shallower, env)
        if suiting is None and self.host is None:
            raise EnctestError("the session host is not running")
        return suiting or self.host  # type: ignore[return-value]

    def read_too_early(self) -> str:
        """Return why what was imported ahead must not have been, by what is known now of the project.

        The module is left out from now on, and the host has to start anew.
        """
        reads = self.ready.reads if self.ready else {}
        for variable in sorted(self.sets & reads.keys()):
            module = reads[variable]
            if module not in self.never:
                self.never[module] = f"reads ${variable}, which the project sets"
                return f"`{module}` {self.never[module]}"
        return ""

    def finish(self, stream: int) -> None:
        """A worker has ended."""
        if not any(chain.holds(stream) for chain in self._chains()):
            self._ended.add(stream)
            self._records.end_run(stream)

    def _chains(self) -> list[Chain]:
        return [self.chain, *(chain for _, chain in self._leaving)]

    def changed(self, number: int, paths: Iterable[str], moved: Iterable[str]) -> None:
        """Take a change: what it makes untrue is not resumed any more."""
        self.change = number
        self.chain.changed(number, paths, moved)

    def _suspended(self, chain: Chain, point: Point) -> None:
        """Take a snapshot; one whose worker's records are over would tell of functions nobody knows."""
        info = point.info
        if info is None or info.stream in self._ended:
            chain.retire(point)
            return
        point.is_known = lambda: self._records.has_numbered(info.stream, info.declared)
        chain.add(point)

    def _revised(self, chain: Chain, point: Point, event: Revised) -> None:
        for record in event.functions:
            self._records.feed(record, ahead=True)
        self.unfit = event.reason
        if event.reason:
            chain.drop(point)

    async def revised(self) -> None:
        """Wait until the snapshots have taken over all edits; one that takes too long is dropped."""
        for point in self.chain.points:
            if point.revising is not None:
                await asyncio.wait([point.revising], timeout=_REVISION)
            if point.revising is not None:
                self.chain.drop(point)

    def _gone(self, point: Point) -> None:
        for chain in self._chains():
            chain.gone(point)
        if point.info is not None:
            self.finish(point.info.stream)

    def _refused(self, event: SnapshotRefused) -> None:
        self.refused[event.place] = event.reason


def _expected(_output: str) -> None:
    """A host that serves one run ends with it."""
