"""A process between an application and the server: what a test does is one transaction, and rolled back.

    python -m enctest.databases.relay SERVER FOLDER PORT

SERVER is the server's unix socket; in FOLDER, a new one, it listens as a server of that PORT does, and at
`control` for `rollback NAME` and `commit NAME`, with a database's name: each ends what is open there, begins
anew, and is answered by a line. It lives as long as its input is open.

Each connection has a thread here, and those of one user to one database share a session of the server.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from socket import AF_UNIX, SOCK_STREAM, socket
from threading import Lock, Thread

from enctest.databases.orders import CONTROL
from enctest.databases.relay_client import Client
from enctest.databases.relay_session import Shared


class Sessions:
    """The sessions by user and database; each goes on when nobody uses it, with what has been done in it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._mutex = Lock()
        self._sessions: dict[tuple[str, str], Shared] = {}
        self._keys: dict[tuple[int, int], Client] = {}

    def know(self, number: int, key: int, client: Client) -> None:
        """Remember what a connection names itself by when it wants something to be cancelled."""
        self._keys[number, key] = client

    def forget(self, number: int, key: int) -> None:
        """A connection has ended."""
        self._keys.pop((number, key), None)

    def cancel(self, number: int, key: int) -> None:
        """Cancel what a connection waits for, if it does."""
        client = self._keys.get((number, key))
        if client is not None:
            client.cancel()

    def join(self, words: dict[str, str]) -> Shared:
        """Return the session of a user and database; begin it if need be.

        Raises:
            OSError: The server is gone.
            RefusedError: It refuses.
        """
        key = words["user"], words["database"]
        with self._mutex:
            if key in self._sessions and not self._sessions[key].is_alive():
                self._sessions.pop(key).close()
            if key not in self._sessions:
                self._sessions[key] = Shared(self._path, *key)
            return self._sessions[key]

    def turn_over(self, how: str, database: str) -> None:
        """End the transactions of a database's sessions, and begin new ones."""
        with self._mutex:
            mine = [shared for shared in self._sessions.values() if shared.database == database]
        for shared in mine:
            with suppress(OSError):  # it is gone, and so is what was done
                shared.turn_over(how)


def _clients(door: socket, sessions: Sessions) -> None:
    for number in count(1):
        sock, _ = door.accept()
        Thread(target=Client(sock, sessions, number).run, daemon=True).start()


def _orders(door: socket, sessions: Sessions) -> None:
    while True:
        sock, _ = door.accept()
        with suppress(OSError), sock, sock.makefile("rb") as lines:
            for line in lines:
                how, _, database = line.decode().rstrip("\n").partition(" ")
                sessions.turn_over(how, database)
                sock.sendall(b"done\n")


def main(arguments: Sequence[str]) -> int:
    """Run a relay; returns its exit code."""
    server, folder, port = arguments
    sessions = Sessions(server)
    try:
        for name, serve in ((f".s.PGSQL.{port}", _clients), (CONTROL, _orders)):
            door = socket(AF_UNIX, SOCK_STREAM)
            door.bind(f"{folder}/{name}")
            door.listen(64)
            Thread(target=serve, args=(door, sessions), daemon=True).start()
        os.write(1, b"ready\n")
        while os.read(0, 4096):
            pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
