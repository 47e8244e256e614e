"""Starting a server under its supervisor."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from enctest.databases import datadir, supervisor
from enctest.databases.account import Account
from enctest.debuggers import start_process

LOG = "server.log"
"""The file in a server's folder that has what it says."""
_POLL_SECONDS = 0.002


def launch(
    folder: Path,
    command: Sequence[str],
    alive: int,
    go: int,
    *,
    account: Account | None = None,
    ending: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a supervisor, which starts the server when it gets a byte on the pipe `go`.

    Args:
        folder: The server's, with its locks.
        command: An absolute path and arguments; empty when there is no server, only a folder to remove.
        alive: A descriptor with the lock that `folders.claim_start` gives, which the supervisor inherits.
        go: The pipe's end to read from.
        account: Who the server is to be, if not us.
        ending: The signal that ends it at once, and without a core dump.
    """
    who = [account.uid, account.gid] if account else [-1, -1]
    script = supervisor.__file__  # as a file and without site-packages: it starts in a third of the time
    arguments = map(str, [folder, *who, alive, go, int(ending), *command])
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return start_process(
            [sys.executable, "-I", "-S", script, *arguments],
            cwd="/", env=datadir.server_environment(), pass_fds=(alive, go),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(log)


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Look every two milliseconds whether `condition` holds; tell whether it did in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
