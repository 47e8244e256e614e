"""An explorer in this process, on a throw-away project, so that tests can look at its snapshots."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.harness import PATIENCE, Sample

from enctest.events import Change, Command, ExplorerEvent, Ready, RunFinished, Subscribe, TestFinished
from enctest.explorer.explorer import Explorer
from enctest.paths import Project
from enctest.record import Event
from enctest.wire import Unpacker, pack

T = TypeVar("T", bound=Event)

PYPROJECT = """
[tool.pytest.ini_options]
pythonpath = ["."]
[tool.enctest]
audit = false
"""


class Lab:
    """A running explorer and a front end of it.

    Args:
        sample: The project.
        explorer: The explorer, which serves.
        reader, writer: The front end's connection.
    """

    def __init__(
        self,
        sample: Sample,
        explorer: Explorer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.sample = sample
        self.explorer = explorer
        self.log: list[Event] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._seen = 0
        self._reader = reader
        self._writer = writer

    async def listen(self) -> None:
        """Subscribe, and take events until the connection ends."""
        unpacker: Unpacker[Any] = Unpacker(ExplorerEvent)
        self._writer.write(pack([Subscribe()]))
        while data := await self._reader.read(2**18):
            for event in unpacker.feed(data):
                if isinstance(event, Event):
                    self.log.append(event)

    def new(self, kind: type[T]) -> list[T]:
        """Return the events of a kind since the last edit or command."""
        return [event for event in self.log[self._seen :] if isinstance(event, kind)]

    def outcomes(self) -> dict[str, str]:
        """Return what finished since the last edit or command, by node id."""
        return {event.test: event.outcome for event in self.new(TestFinished)}

    async def until(self, what: str, predicate: Callable[[], Any]) -> Any:
        """Wait until something is true."""

        def happened() -> Any:
            for task in self.tasks:
                if task.done():
                    task.result()
                    raise AssertionError("the explorer has ended")
            return predicate()

        return await until(lambda: f"{what}\n{self.log[self._seen :]}", happened)

    async def idle(self, after: type[Event] = Event) -> None:
        """Wait until an event of this kind has come and all is quiet."""
        await self.until("idle", lambda: self.new(after) and isinstance(self.log[-1], Ready))

    async def places(self) -> list[str]:
        """Return where copies are suspended, once all is prepared for the next run."""
        await self.until("all is prepared", lambda: self.explorer.idle.is_over)
        return [point.info.place for point in self.explorer.hosts.chain.points if point.info]

    async def edit(self, name: str, old: str, new: str) -> dict[str, str]:
        """Edit a file, wait until all is quiet, return what ran."""
        self._seen = len(self.log)
        self.sample.replace(name, old, new)
        await self.idle(after=Change)
        return self.outcomes()

    async def write(self, name: str, text: str) -> dict[str, str]:
        """Write a file, wait until all is quiet, return what ran."""
        self._seen = len(self.log)
        self.sample.write(name, text)
        await self.idle(after=Change)
        return self.outcomes()

    async def ask(self, command: Command) -> dict[str, str]:
        """Ask for a run, wait until all is quiet, return what ran."""
        self.give(command)
        await self.idle(after=RunFinished)
        return self.outcomes()

    def give(self, command: Command) -> None:
        """Give a command."""
        self._seen = len(self.log)
        self._writer.write(pack([command]))

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()


async def until(what: Callable[[], str], predicate: Callable[[], Any]) -> Any:
    """Wait until something is true; nobody tells when it is."""
    end = time.monotonic() + PATIENCE
    while not (found := predicate()):
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what()}")
        await asyncio.sleep(0.01)
    return found


def explore(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: Mapping[str, str],
    story: Callable[[Lab], Awaitable[None]],
    *args: str,
) -> None:
    """Start an explorer on a project of these files, and tell it a story once it is idle."""
    sample = Sample(tmp_path, {"pyproject.toml": PYPROJECT, **files})
    for name in [name for name in os.environ if name.startswith(("PYTEST_", "ENCTEST_"))]:
        monkeypatch.delenv(name)
    for name, value in sample.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(sample.root)

    async def play() -> None:
        project = Project.find()
        door = project.runtime / "door"
        explorer = Explorer(project, args=args, python=sys.executable, door=door)
        serving = asyncio.create_task(explorer.serve())
        await until(lambda: "the door opens", door.exists)
        lab = Lab(sample, explorer, *await asyncio.open_unix_connection(door, limit=2**20))
        listening = asyncio.create_task(lab.listen())
        lab.tasks = [serving, listening]
        try:
            await lab.idle()
            await story(lab)
        finally:
            await lab.close()
            await asyncio.wait_for(serving, PATIENCE)  # it ends with its last front end
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(play())
