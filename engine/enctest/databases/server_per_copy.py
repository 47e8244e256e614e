"""The easy way to a provider: each copy is a small server of its own, in a folder of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

from enctest.config import DatabaseSettings, Env
from enctest.databases.private_server import PrivateServer
from enctest.databases.providers import Copy, StaleError, Tell


class ServerPerCopy(ABC):
    """A `Provider` whose subclasses say what the server is, how to start it and how to empty it.

    That suits servers that start in well under a second, or whose data cannot be told apart within one.
    What it started goes with this process, however that ends.
    """

    default_env: Env
    fields: tuple[str, ...]
    reset: str | None = ""
    """As in `Copy`."""

    def __init__(self, root: Path, databases: Mapping[str, DatabaseSettings]) -> None:
        self.root = root
        self.settings = dict(databases)
        self._running: dict[str, PrivateServer] = {}

    @abstractmethod
    def look(self, database: str) -> str:
        """Say what would serve the database; start nothing.

        Raises:
            EnctestError: There is nothing that could.
        """

    @abstractmethod
    def start(self, database: str) -> tuple[PrivateServer, dict[str, str]]:
        """Start an empty server; return it and all `fields` but `name`.

        Raises:
            EnctestError: It does not start.
        """

    @abstractmethod
    def empty(self, database: str, server: PrivateServer, copy: Copy) -> None:
        """Make a server as good as new.

        Raises:
            OSError: It does not answer.
            StaleError: It is beyond that; another one is started.
        """

    def prepare(self, database: str, tell: Tell) -> str:  # noqa: ARG002 - servers are started with copies
        """Look whether there is a server to start."""
        return self.look(database)

    def create(self, database: str) -> Copy:
        """Start a server."""
        server, values = self.start(database)
        name = next(name for name in _names(database) if name not in self._running)
        self._running[name] = server
        return Copy(name, {**values, "name": name}, self.reset)

    def renew(self, database: str, copy: Copy) -> None:
        """Empty the copy's server."""
        server = self._running.get(copy.name)
        if server is None or not server.is_alive():
            raise StaleError(f"the server of {copy.name} is gone")
        self.empty(database, server, copy)

    def drop(self, database: str, copy: Copy) -> None:  # noqa: ARG002 - the protocol's
        """End the copy's server."""
        server = self._running.pop(copy.name, None)
        if server is not None:
            server.close()

    def close(self) -> None:
        """End all servers."""
        while self._running:
            self._running.popitem()[1].close()


def _names(database: str) -> Iterator[str]:
    yield database
    yield from (f"{database}_run{number}" for number in count(2))
