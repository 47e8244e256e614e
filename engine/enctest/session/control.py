"""The explorer's end of a session host: start it, hand it jobs, hear its workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from enctest.errors import EnctestError
from enctest.events import WorkerEvent
from enctest.session.host import Setup
from enctest.session.job import HostEvent, HostFailed, HostReady, Job, Kill, Launch, WorkerExited
from enctest.wire import Unpacker, pack

_TAIL = 64 * 1024
_CODE = "import sys; from enctest.session.host import main; sys.exit(main(sys.argv[1]))"


class Run:
    """One worker, as seen by the explorer."""

    def __init__(self, job: Job, sock: socket.socket, host: Host) -> None:
        self.job = job
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._socket = sock
        self._host = host

    async def events(self) -> AsyncIterator[list[WorkerEvent]]:
        """Yield what the worker says, in batches, until it closes its end."""
        reader, writer = await asyncio.open_unix_connection(sock=self._socket, limit=2**20)
        writer.write(pack([self.job]))
        unpacker: Unpacker[WorkerEvent] = Unpacker(WorkerEvent)
        try:
            await writer.drain()
            while data := await reader.read(2**18):
                yield list(unpacker.feed(data))
        except (BrokenPipeError, ConnectionResetError):
            return  # the worker died; its exit status says how
        finally:
            writer.close()

    async def stop(self, patience: float = 0.3) -> None:
        """End the worker: SIGINT so that fixtures clean up, SIGKILL `patience` seconds later."""
        for number in (signal.SIGINT, signal.SIGKILL):
            self._host.kill(self.job.run, number)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.status), patience)
                return


class Host:
    """A running session host.

    Args:
        setup: What it is started with; `control` is filled in here.
        python: The interpreter of the project under test.
        cwd: The folder that pytest's arguments are relative to.
        env: Its environment.
        on_exit: Called when it ends by itself, with the last of its output.
    """

    def __init__(
        self, setup: Setup, *, python: str, cwd: Path, env: Mapping[str, str], on_exit: Callable[[str], None]
    ) -> None:
        self._setup = setup
        self._python = python
        self._cwd = cwd
        self._env = dict(env)
        self._on_exit = on_exit
        self._runs: dict[int, Run] = {}
        self._output = bytearray()
        self._closing = False
        self._ready: asyncio.Future[HostReady] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> HostReady:
        """Start the process and wait until it can fork.

        Raises:
            EnctestError: pytest refuses its configuration or arguments, or the interpreter lacks enctest.
        """
        ours, theirs = socket.socketpair()
        setup = msgspec.structs.replace(self._setup, control=theirs.fileno())
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(self._python, "-P", "-c", _CODE, msgspec.json.encode(setup).decode()),
                cwd=self._cwd,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        ours.setblocking(False)
        self._socket = ours
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._drain())]
        return await self._ready

    @property
    def pid(self) -> int:
        """The host's process id."""
        return self._process.pid

    def output(self) -> str:
        """Return the last 64 KiB that the host and its workers printed outside of captured tests."""
        return self._output.decode("utf-8", "replace")

    def launch(self, job: Job) -> Run:
        """Fork a worker for a job."""
        ours, theirs = socket.socketpair()
        run = Run(job, ours, self)
        self._runs[job.run] = run
        self._output.clear()
        with theirs:
            socket.send_fds(self._socket, [pack([Launch(run=job.run)])], [theirs.fileno()])
        return run

    def kill(self, run: int, number: int) -> None:
        """Signal a worker and all it started."""
        with contextlib.suppress(OSError):
            self._socket.send(pack([Kill(run=run, signal=number)]))

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules it was told to import ahead."""
        return tuple(self._setup.modules)

    async def close_when_idle(self) -> None:
        """End the host once its last run is over."""
        for run in list(self._runs.values()):
            await asyncio.shield(run.status)
        await self.close()

    async def close(self) -> None:
        """End the host and every worker of it."""
        self._closing = True
        if not self._tasks:
            return
        listening, draining = self._tasks
        listening.cancel()  # before the socket goes: its number may be another's at once
        await asyncio.gather(listening, return_exceptions=True)
        self._socket.close()
        try:
            await asyncio.wait_for(self._process.wait(), 2)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
        self._ended()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        unpacker: Unpacker[HostEvent] = Unpacker(HostEvent)
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(self._socket, 65536):
                for event in unpacker.feed(data):
                    self._hear(event)
        await self._process.wait()
        with contextlib.suppress(TimeoutError):  # what tests left running may hold the pipe open
            await asyncio.wait_for(asyncio.shield(self._tasks[1]), 0.5)
        self._ended()

    def _hear(self, event: HostEvent) -> None:
        if isinstance(event, HostReady) and not self._ready.done():
            self._ready.set_result(event)
        elif isinstance(event, WorkerExited):
            run = self._runs.pop(event.run, None)
            if run is not None and not run.status.done():
                run.status.set_result(event.status)
        elif isinstance(event, HostFailed) and not self._ready.done():
            self._ready.set_exception(self._failure(event.message))

    def _ended(self) -> None:
        for run in self._runs.values():
            if not run.status.done():
                run.status.set_result(-signal.SIGKILL)
        self._runs.clear()
        if not self._ready.done():
            self._ready.set_exception(self._failure("the session host did not start"))
        elif not self._closing:
            self._on_exit(self.output())

    def _failure(self, message: str) -> EnctestError:
        output = self.output().strip()
        if "No module named 'enctest" in output:
            return EnctestError(
                f"{self._python} has no enctest",
                f"Install it there: {self._python} -m pip install enctest-tui",
            )
        if "No module named 'pytest'" in output:
            return EnctestError(
                f"{self._python} has no pytest", f"Install it there: {self._python} -m pip install pytest"
            )
        return EnctestError(message, output[-4000:])

    async def _drain(self) -> None:
        stream = self._process.stdout
        while stream is not None and (data := await stream.read(65536)):
            self._output += data
            if len(self._output) > 2 * _TAIL:
                del self._output[:-_TAIL]


def environment(python: str) -> dict[str, str]:
    """Return the environment for a host: ours, with the interpreter's bin folder on PATH."""
    env = dict(os.environ)
    folder = str(Path(python).parent)
    path = env.get("PATH", os.defpath).split(os.pathsep)
    if folder not in path:
        env["PATH"] = os.pathsep.join([folder, *path])
    return env


def script_of(python: str) -> str:
    """Return the path that pytest's own console script would have."""
    return str(Path(python).with_name("pytest"))


def find_python(root: Path, asked: str = "") -> str:
    """Return the interpreter of the project: the one asked for, the active, the project's own, or ours.

    Raises:
        EnctestError: The one asked for does not exist.
    """
    if asked:
        path = Path(asked).expanduser()
        path = path / "bin" / "python" if path.is_dir() else path
        if not path.exists():
            raise EnctestError(f"--python {asked}: there is no such interpreter")
        return str(path.absolute())
    folders: Sequence[Path | str] = (os.environ.get("VIRTUAL_ENV", ""), root / ".venv", root / "venv")
    for folder in folders:
        candidate = Path(folder) / "bin" / "python"
        if str(folder) and candidate.exists():
            return str(candidate)
    return sys.executable
