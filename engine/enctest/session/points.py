"""The explorer's end of fork points: launch workers from them, hear them, hear of the copies they suspend."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterable

from enctest.errors import EnctestError
from enctest.events import WorkerEvent
from enctest.session.job import (
    COLLECTED,
    AttachIde,
    HostCommand,
    HostEvent,
    Job,
    Kill,
    Launch,
    Release,
    Revise,
    Revised,
    SnapshotReady,
    SnapshotRefused,
    WorkerExited,
    WorkerStarted,
)
from enctest.wire import Unpacker, pack


class Process:
    """One worker, as seen by the explorer.

    Attributes:
        job: What it does.
        status: Its exit code, or minus the signal that ended it, once it is known.
        output: What it had written when it died and nobody had read.
        fate: The copy of it that was suspended after collection; None when it just ended.
    """

    def __init__(self, job: Job, sock: socket.socket, point: Point) -> None:
        self.job = job
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.output = ""
        self.fate: asyncio.Future[Point | None] = asyncio.get_running_loop().create_future()
        self.point = point
        self.pid = 0
        self._socket = sock
        self._writer: asyncio.StreamWriter | None = None

    def send(self, order: AttachIde) -> None:
        """Ask something of the worker while it runs."""
        if self._writer is not None:
            self._writer.write(pack([order]))

    async def events(self) -> AsyncIterator[list[WorkerEvent]]:
        """Yield what the worker says, in batches, until it closes its end."""
        reader, writer = await asyncio.open_unix_connection(sock=self._socket, limit=2**20)
        self._writer = writer
        writer.write(pack([self.job]))
        unpacker: Unpacker[WorkerEvent] = Unpacker(WorkerEvent)
        try:
            await writer.drain()
            while data := await reader.read(2**18):
                yield list(unpacker.feed(data))
        except (BrokenPipeError, ConnectionResetError):
            return  # the worker died; its exit status says how
        finally:
            self._writer = None
            writer.close()

    async def stop(self, patience: float = 0.3) -> None:
        """End the worker: SIGINT so that fixtures clean up, SIGKILL `patience` seconds later."""
        for number in (signal.SIGINT, signal.SIGKILL):
            self.point.signal(self, number)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.status), patience)
                return

    def kill(self) -> None:
        """End it at once."""
        self.point.signal(self, signal.SIGKILL)

    def ended(self, status: int, output: str = "") -> None:
        """Take its exit status."""
        if not self.status.done():
            self.output = output
            self.status.set_result(status)
        if not self.fate.done():
            self.fate.set_result(None)


class Family:
    """Every fork point that descends from one session host, and their workers.

    Args:
        on_snapshot: Called with each copy that is suspended.
        on_refused: Called when a copy was asked for and not made.
        on_revised: Called when a fork point has taken over edits, or cannot.
        on_gone: Called with each fork point that has ended.
    """

    def __init__(
        self,
        *,
        on_snapshot: Callable[[Point], None] = lambda _: None,
        on_refused: Callable[[SnapshotRefused], None] = lambda _: None,
        on_revised: Callable[[Point, Revised], None] = lambda *_: None,
        on_gone: Callable[[Point], None] = lambda _: None,
    ) -> None:
        self.processes: dict[int, Process] = {}
        self.points: set[Point] = set()
        self.on_snapshot = on_snapshot
        self.on_refused = on_refused
        self.on_revised = on_revised
        self.on_gone = on_gone


class Point:
    """A suspended process that forks on demand.

    Attributes:
        info: What it says of itself, once it is ready; None for the session host, and before.
        env: Variables that were set when it was made.
        since: Number of the last change before it was made.
        is_known: Tells whether all that its worker has told until then has been taken.
        is_revised: It has taken over edits: functions were exchanged, nothing was imported again.
        revising: Done when it has taken over all that it was told to; None when it was told nothing.
    """

    def __init__(self, family: Family, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.info: SnapshotReady | None = None
        self.env: dict[str, str] = {}
        self.since = 0
        self.is_known: Callable[[], bool] = lambda: True
        self.is_revised = False
        self.revising: asyncio.Future[None] | None = None
        self._revisions = 0
        self._family = family
        self._socket = sock
        family.points.add(self)
        self._listening = asyncio.create_task(self._listen())

    @property
    def busy(self) -> bool:
        """Whether a worker of it is alive."""
        return any(p.point is self and not p.status.done() for p in self._family.processes.values())

    def launch(self, job: Job, *, queue: int | None = None, since: int = 0) -> Process:
        """Fork a worker for a job.

        Args:
            job: What it is to do; for each of its places, and its hold, it gets a control socket.
            queue: Descriptor of the queue that the job's workers share.
            since: Number of the last change, for the copies it leaves.
        """
        ours, theirs = socket.socketpair()
        process = Process(job, ours, self)
        self._family.processes[job.stream] = process
        given = [theirs]
        for _ in range(len(job.places) + bool(job.hold)):
            control, other = socket.socketpair()
            point = Point(self._family, control)
            point.env, point.since = dict(job.env), since
            given.append(other)
        descriptors = [sock.fileno() for sock in given]
        if queue is not None:
            descriptors.insert(1, queue)
        launch = Launch(stream=job.stream, queue=queue is not None, controls=len(given) - 1)
        socket.send_fds(self._socket, [pack([launch])], descriptors)
        for sock in given:
            sock.close()
        return process

    def revise(self, paths: Iterable[str]) -> None:
        """Let it take over what files say now; until then nothing may be launched from it."""
        if self.revising is None:
            self.revising = asyncio.get_running_loop().create_future()
        self.is_revised = True
        self._revisions += 1
        self.send(Revise(paths=tuple(paths)))

    def signal(self, process: Process, number: int) -> None:
        """Signal a worker and all it started."""
        self.send(Kill(stream=process.job.stream, signal=number))

    def send(self, command: HostCommand) -> None:
        """Send a command; nothing happens when the process is gone."""
        with contextlib.suppress(OSError):
            self._socket.send(pack([command]))

    async def close(self) -> None:
        """Let the process end, and everything that runs in it."""
        self._listening.cancel()  # before the socket goes: its number may be another's at once
        await asyncio.gather(self._listening, return_exceptions=True)
        self._socket.close()
        self._gone()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        unpacker: Unpacker[HostEvent] = Unpacker(HostEvent)
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(self._socket, 65536):
                for event in unpacker.feed(data):
                    self._hear(event)
        await self._ended()

    async def _ended(self) -> None:
        self._socket.close()
        self._gone()

    def _gone(self) -> None:
        self._family.points.discard(self)
        self._end_revision()
        for stream, process in list(self._family.processes.items()):
            if process.point is self:
                process.ended(-signal.SIGKILL)
                del self._family.processes[stream]
        if self.info is not None:
            self._family.on_gone(self)

    def _end_revision(self) -> None:
        if self.revising is not None:
            self.revising.set_result(None)
            self.revising = None

    def _hear(self, event: HostEvent) -> None:
        processes = self._family.processes
        if isinstance(event, SnapshotReady):
            self.info = event
            if event.stream in processes:
                processes[event.stream].point.send(Release(pid=event.pid))
            if event.place == COLLECTED and event.stream in processes:
                process = processes.pop(event.stream)
                process.status.set_result(0)
                process.fate.set_result(self)
            self._family.on_snapshot(self)
        elif isinstance(event, SnapshotRefused):
            self._family.on_refused(event)
        elif isinstance(event, Revised):
            self._revisions -= 1
            self._family.on_revised(self, event)
            if self._revisions == 0:
                self._end_revision()
        elif isinstance(event, WorkerStarted):
            if event.stream in processes:
                process = processes[event.stream]
                process.point, process.pid = self, event.pid
        elif isinstance(event, WorkerExited):
            self._exited(event)
        else:
            raise EnctestError(f"a fork point said {type(event).__name__}")

    def _exited(self, event: WorkerExited) -> None:
        ended = self._family.processes.get(event.stream)
        if ended is not None and ended.point is self and ended.pid == event.pid:
            del self._family.processes[event.stream]
            ended.ended(event.status, event.output)
