"""The explorer's door: a private unix socket, any number of thin front ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from enctest.errors import EnctestError
from enctest.events import Command, Follow, SpanEnded, SpanEvent, SpanStarted, Subscribe
from enctest.record import Event
from enctest.wire import Unpacker, pack

_BACKLOG = 64 * 1024 * 1024
"""Bytes a front end may lag behind before it is cut off."""
_SPANS = (SpanStarted, SpanEvent, SpanEnded)


class FrontEnd:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.all_spans = False
        self.follows: str | None = None
        self.subscribed = False
        self._writer = writer

    def wants(self, event: Event) -> bool:
        """Tell whether it is to get this event: spans go only to those who asked for them."""
        if isinstance(event, _SPANS):
            return self.all_spans or event.test == self.follows
        return True

    def send(self, events: Iterable[Event]) -> None:
        """Queue events; a front end that does not read is cut off rather than filling our memory."""
        wanted = [event for event in events if self.wants(event)]
        if not wanted or self._writer.is_closing():
            return
        self._writer.write(pack(wanted))
        if self._writer.transport.get_write_buffer_size() > _BACKLOG:
            self._writer.transport.abort()


class FrontEnds:
    """Accepts front ends, passes their commands on, publishes events to them.

    Args:
        greet: Called for a new subscriber; returns its first events.
        obey: Called with each command.
    """

    def __init__(self, greet: Callable[[], list[Event]], obey: Callable[[FrontEnd, Command], None]) -> None:
        self._greet = greet
        self._obey = obey
        self._all: set[FrontEnd] = set()
        self._queue: list[Event] = []
        self._server: asyncio.Server | None = None
        self._door: Path | None = None
        self._scheduled = False
        self._is_closed = False
        self.visited = asyncio.Event()
        self.greeted = asyncio.Event()
        self.empty = asyncio.Event()
        self.empty.set()

    async def listen(self, path: Path) -> None:
        """Open the socket; its folder is private, so no mode of its own is needed."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - one system call, before anything else runs
        self._door = path
        self._server = await asyncio.start_unix_server(self._serve, path, limit=2**20)

    async def close(self) -> None:
        """Send what is queued and hang up, also on who is just coming in."""
        self._publish()
        self._is_closed = True
        if self._server is not None and self._door is not None:
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._door)  # noqa: PTH108 - as above
        for front_end in list(self._all):
            with contextlib.suppress(OSError):
                front_end._writer.close()  # noqa: SLF001 - the same module's class
                await front_end._writer.wait_closed()  # noqa: SLF001

    def subscribed(self) -> list[FrontEnd]:
        """Return those that get events."""
        return [front_end for front_end in self._all if front_end.subscribed]

    def publish(self, *events: Event) -> None:
        """Send events to everyone who wants them, in batches of one turn of the loop."""
        self._queue += events
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        """Send what is queued."""
        self._scheduled = False
        events, self._queue = self._queue, []
        for front_end in self.subscribed():
            front_end.send(events)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_closed:
            writer.close()
            return
        front_end = FrontEnd(writer)
        self._all.add(front_end)
        self.visited.set()
        self.empty.clear()
        unpacker: Unpacker[Command] = Unpacker(Command)
        try:
            while data := await reader.read(2**16):
                for command in unpacker.feed(data):
                    self._take(front_end, command)
        except (ConnectionError, EnctestError):
            pass  # it went away, or is no front end of ours
        finally:
            self._all.discard(front_end)
            writer.close()
            if not self._all:
                self.empty.set()

    def _take(self, front_end: FrontEnd, command: Command) -> None:
        if isinstance(command, Subscribe):
            self._publish()
            front_end.all_spans = command.spans
            front_end.subscribed = True
            front_end.send(self._greet())
            self.greeted.set()
            return
        if isinstance(command, Follow):
            self._publish()
            front_end.follows = command.test
        self._obey(front_end, command)
