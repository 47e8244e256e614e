"""The explorer's end of a session host: start its process, hear its first words and its last."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from enctest.errors import EnctestError
from enctest.session.host import Setup
from enctest.session.job import HostEvent, HostFailed, HostReady
from enctest.session.points import Family, Point, Process

_TAIL = 64 * 1024
_USUAL = 5
"""pytest's exit codes go up to this."""
_PATIENCE = 2.0
"""Seconds that processes have to end."""
_CODE = "import sys; from enctest.session.host import main; sys.exit(main(sys.argv[1]))"


class Host(Point):
    """A running session host: the first fork point, and the process it is.

    Args:
        setup: What it is started with; `control` is filled in here.
        python: The interpreter of the project under test.
        cwd: The folder that pytest's arguments are relative to.
        env: Its environment.
        on_exit: Called when it ends by itself, with the last of its output.
        family: Who hears of the snapshots that descend from it.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        python: str,
        cwd: Path,
        env: Mapping[str, str],
        on_exit: Callable[[str], None],
        family: Family,
    ) -> None:
        ours, self._theirs = socket.socketpair()
        super().__init__(family, ours)
        self._setup = setup
        self._python = python
        self._cwd = cwd
        self._environment = dict(env)
        self._on_exit = on_exit
        self._output = bytearray()
        self._closing = False
        self._ready: asyncio.Future[HostReady] = asyncio.get_running_loop().create_future()
        self._process: asyncio.subprocess.Process | None = None
        self._draining: asyncio.Task[None] | None = None

    async def start(self) -> HostReady:
        """Start the process and wait until it can fork.

        Raises:
            EnctestError: pytest refuses its configuration or arguments, or the interpreter lacks enctest.
        """
        setup = msgspec.structs.replace(self._setup, control=self._theirs.fileno())
        with self._theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(self._python, "-P", "-c", _CODE, msgspec.json.encode(setup).decode()),
                cwd=self._cwd,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(self._theirs.fileno(),),
                start_new_session=True,
            )
        self._draining = asyncio.create_task(self._drain())
        return await self._ready

    @property
    def pid(self) -> int:
        """The host's process id; 0 before it is started."""
        return self._process.pid if self._process else 0

    def output(self) -> str:
        """Return the last 64 KiB that the host and its workers printed outside of captured tests."""
        return self._output.decode("utf-8", "replace")

    def forget_output(self) -> None:
        """Let what is printed from now on be a new run's."""
        self._output.clear()

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules it was told to import ahead."""
        return tuple(self._setup.modules)

    async def wait_until_idle(self) -> None:
        """Wait until its last run is over, and those of its snapshots."""
        for process in list(self._family.processes.values()):
            await asyncio.shield(process.status)

    async def close(self) -> None:
        """End the host, and everything that descends from it."""
        self._closing = True
        for point in self._family.points - {self}:
            await point.close()
        await super().close()
        self._theirs.close()
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), _PATIENCE)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._draining is not None:
            await asyncio.wait(
                [self._draining], timeout=_PATIENCE
            )  # until the last one has let go of the pipe
            self._draining.cancel()
            await asyncio.gather(self._draining, return_exceptions=True)
        self._settle()

    def signal(self, process: Process, number: int) -> None:
        """Signal a worker and all it started; it may be the host itself."""
        if not self._setup.once:
            super().signal(process, number)
        elif self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    async def _ended(self) -> None:
        if self._process is not None:
            status = await self._process.wait()
            for process in [one for one in self._family.processes.values() if one.point is self]:
                process.ended(status, self.output() if status < 0 or status > _USUAL else "")
        if self._draining is not None:
            with contextlib.suppress(TimeoutError):  # what tests left running may hold the pipe open
                await asyncio.wait_for(asyncio.shield(self._draining), 0.5)
        await super()._ended()
        self._settle()

    def _settle(self) -> None:
        if not self._ready.done():
            self._ready.set_exception(self._failure("the session host did not start"))
        elif not self._closing:
            self._closing = True
            self._on_exit(self.output())

    def _hear(self, event: HostEvent) -> None:
        if isinstance(event, HostReady):
            if not self._ready.done():
                self._ready.set_result(event)
        elif isinstance(event, HostFailed):
            if not self._ready.done():
                self._ready.set_exception(self._failure(event.message))
        else:
            super()._hear(event)

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
        stream = self._process.stdout if self._process else None
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
