"""Whoever comes while an explorer leaves gets the next one, and is never told that it has ended."""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness import PATIENCE, Sample

from enctest.events import Command, Notice, Ready
from enctest.explorer.client import Feed, Handle, Launch, connect, lock_of, spawn
from enctest.explorer.front_ends import FrontEnd, FrontEnds
from enctest.paths import Project
from enctest.record import Event


async def until_ready(feed: Feed) -> None:
    """Wait until the explorer has run what there was to run."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await feed.wait()
            if any(isinstance(event, Ready) for event in feed.drain()):
                return
            assert not feed.closed


def test_who_leaves_and_comes_back_at_once_is_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = Sample(tmp_path, {"test_it.py": "def test_it():\n    pass\n"})
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(sample.runtime))
    project = Project.find(sample.root)

    async def story() -> None:
        for _ in range(4):
            feed = await connect(spawn(project, environment=sample.env))
            await until_ready(feed)
            await feed.close()

    asyncio.run(story())


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[Handle]:
    """An explorer that is running, as far as its lock tells."""
    with tempfile.TemporaryDirectory(prefix="et-") as folder:  # short: it holds a socket
        door = Path(folder, "door.sock")
        project = Project(root=tmp_path, invocation=tmp_path, state=tmp_path, runtime=door.parent)
        lock = os.open(lock_of(door), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Handle(project, door, Launch(start=str(tmp_path), args=[], python="", door=str(door)))
        os.close(lock)


def greet() -> list[Event]:
    return [Notice(message="come in")]


def obey(_front_end: FrontEnd, _command: Command) -> None:
    return


def test_a_door_at_which_nobody_answers_is_tried_again(handle: Handle) -> None:
    async def story() -> None:
        turned_away = asyncio.Event()

        async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()
            turned_away.set()

        server = await asyncio.start_unix_server(hang_up, handle.door)
        joining = asyncio.create_task(connect(handle))
        await asyncio.wait_for(turned_away.wait(), PATIENCE)
        server.close()
        following = FrontEnds(greet, obey)
        await following.listen(handle.door)
        feed = await asyncio.wait_for(joining, PATIENCE)
        assert [event.message for event in feed.drain() if isinstance(event, Notice)] == ["come in"]
        assert not feed.closed
        await feed.close()
        await following.close()

    asyncio.run(story())


def test_who_comes_in_while_the_door_is_closed_is_not_served(handle: Handle) -> None:
    async def story() -> None:
        leaving = FrontEnds(greet, obey)
        await leaving.listen(handle.door)
        await leaving.close()
        assert not handle.door.exists()
        # asyncio lets in, a turn of its loop later, whom it had accepted before the door was closed.
        server = await asyncio.start_unix_server(leaving._serve, handle.door)
        reader, writer = await asyncio.open_unix_connection(handle.door)
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        assert not leaving.visited.is_set()
        writer.close()
        server.close()

    asyncio.run(story())
