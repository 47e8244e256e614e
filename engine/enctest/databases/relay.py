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
from threading import Thread

from enctest.databases.orders import CONTROL
from enctest.databases.relay_client import Client, Sessions


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
