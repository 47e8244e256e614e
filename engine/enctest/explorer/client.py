"""One front end's connection to the explorer, which it starts when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from enctest.events import Command, ExplorerEvent


class Feed(Protocol):
    """What a front end needs: events to drain, commands to send.

    A front end polls `drain` on a timer (15 to 30 times a second), folds what it gets and repaints once.
    """

    closed: str
    """Why the connection ended; empty while it lives."""

    def drain(self, limit: int = 5000) -> Sequence[ExplorerEvent]:
        """Return up to `limit` events that have arrived, oldest first, without waiting."""
        ...

    def send(self, command: Command) -> None:
        """Queue a command; never blocks."""
        ...

    async def wait(self) -> None:
        """Wait until there is something to drain, or the connection has ended."""
        ...

    async def close(self) -> None:
        """Leave; the explorer ends with its last front end."""
        ...


async def connect(root: Path, *, args: Sequence[str] = (), python: str = "", spans: bool = False) -> Feed:
    """Join the explorer of the project at `root`, starting it when there is none.

    Raises:
        EnctestError: It did not start; the error says why.
    """
    raise NotImplementedError
