"""What the process that runs tests tells a relay."""

from __future__ import annotations

import contextlib
from socket import AF_UNIX, socket  # bound now: suites that block sockets replace the class later

CONTROL = "control"
"""Name of the socket for it."""
_SECONDS = 10.0


def order(folder: str, how: str, database: str) -> None:
    """Have a relay end what is open in a database, by `commit` or `rollback`, and begin anew.

    Raises:
        OSError: It is gone.
    """
    with contextlib.closing(socket(AF_UNIX)) as control:
        control.settimeout(_SECONDS)
        control.connect(f"{folder}/{CONTROL}")
        control.sendall(f"{how} {database}\n".encode())
        if not control.recv(16):
            raise ConnectionResetError("the relay is gone")
