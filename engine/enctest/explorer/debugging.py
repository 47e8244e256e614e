"""Debugging one test: in the front end's terminal, or in an IDE that attaches."""

from __future__ import annotations

import asyncio
import contextlib
import os
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from enctest.events import Debug, DebugReady, IdeWaits
from enctest.explorer.front_ends import FrontEnd
from enctest.explorer.plain_run import DOOR
from enctest.session.ide import FIRST_LINE, TOLD
from enctest.session.job import AttachIde

if TYPE_CHECKING:
    from enctest.explorer.explorer import Explorer

_ALONE = {"pytest-xdist": "-n0", "pytest-cov": "--no-cov"}
"""What to add so that a debugger has the test, and the terminal, to itself."""
_DEBUGGERS = {
    "pdb": "",
    "ipdb": "IPython.terminal.debugger:TerminalPdb",
    "pudb": "pudb.debugger:Debugger",
}
_LINES = 20
"""Of what a run says that ends before an IDE could attach."""


class Debugging:
    """Prepares what a front end asks for. At most one run waits for an IDE."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._waiting: Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, front_end: FrontEnd, asked: Debug) -> None:
        """Do what is asked; the answer is `DebugReady` or `IdeWaits`."""
        explorer = self._explorer
        if asked.how in ("failure", "start"):
            front_end.send([self._in_terminal(asked)])
        elif asked.how == "ide-start":
            self._start(front_end, asked)
        elif (running := explorer.running) and (process := running.process_of(asked.test)):
            process.send(AttachIde(test=asked.test))
        elif explorer.handed_in.look(asked.test) is not None:
            where = "it runs elsewhere: attach to it there, or wait for its end"
            front_end.send([IdeWaits(test=asked.test, problem=where)])
        else:
            self._start(front_end, asked)

    def _start(self, front_end: FrontEnd, asked: Debug) -> None:
        task = asyncio.create_task(self._in_ide(front_end, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End the run that an IDE debugs."""
        self._end()
        await asyncio.gather(*self._tasks)

    def _in_terminal(self, asked: Debug) -> DebugReady:
        stops = ["--trace"] if asked.how == "start" else ["--pdb"]
        debugger = self._explorer.settings.debugger
        if program := _DEBUGGERS.get(debugger, debugger):
            stops.append(f"--pdbcls={program}")
        argv = (self._explorer.python, "-m", "pytest", *self._arguments(asked.test, stops))
        return DebugReady(test=asked.test, argv=argv, env=self._env, cwd=self._cwd)

    def _arguments(self, test: str, more: list[str]) -> list[str]:
        explorer = self._explorer
        versions = explorer.hosts.ready.versions if explorer.hosts.ready else {}
        alone = [option for name, option in _ALONE.items() if name in versions]
        options = [arg for arg in explorer.args if not _is_path(arg, explorer.project.invocation)]
        return ["--enctest", *more, *options, *alone, test]

    @property
    def _env(self) -> dict[str, str]:
        return {DOOR: str(self._explorer.door)}

    @property
    def _cwd(self) -> str:
        return str(self._explorer.project.invocation)

    async def _in_ide(self, front_end: FrontEnd, asked: Debug) -> None:
        self._end()
        test, from_start = asked.test, asked.how == "ide-start"
        stops = [FIRST_LINE] if from_start else []
        argv = ["-m", "enctest.session.ide", *stops, *self._arguments(test, [])]
        try:
            process = await asyncio.create_subprocess_exec(
                self._explorer.python, *argv, cwd=self._cwd, env=os.environ | self._env,
                stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            front_end.send([IdeWaits(test=test, problem=f"it could not be started: {error.strerror}")])
            return
        self._waiting = process
        port, said = await _hear(process)
        if self._waiting is process:
            problem = "" if port else said
            front_end.send([IdeWaits(test=test, port=port, problem=problem, from_start=from_start)])
        rest = asyncio.create_task(_hear(process))  # so that what it prints does not fill the pipe
        await process.wait()
        rest.cancel()  # debugpy's own process may have the pipe a while longer
        await asyncio.gather(rest, return_exceptions=True)
        if self._waiting is process:
            self._waiting = None

    def _end(self) -> None:
        if self._waiting is not None:
            with contextlib.suppress(ProcessLookupError):
                self._waiting.terminate()
            self._waiting = None


async def _hear(process: Process) -> tuple[int, str]:
    """Read what a process prints until it says on which port it waits; returns that, or 0 and the end."""
    last: deque[str] = deque(maxlen=_LINES)
    while process.stdout is not None and (data := await process.stdout.readline()):
        line = data.decode(errors="replace").rstrip()
        if line.startswith(TOLD):
            return int(line.removeprefix(TOLD)), ""
        last.append(line)
    return 0, "\n".join(last) or "it ended at once"


def _is_path(arg: str, folder: Path) -> bool:
    """Tell whether an argument names tests: the debugger is to get only its own."""
    return (folder / arg.split("::", 1)[0]).exists()
