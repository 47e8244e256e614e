"""The owner's end of a relay: a process that lives as long as this one lends the database."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import enctest
from enctest.databases.cluster import Cluster
from enctest.errors import EnctestError

_numbers = count(1)


class Relaying:
    """Starts a relay for a cluster.

    Attributes:
        folder: Private (0700); has the socket that applications connect to.

    Raises:
        EnctestError: It does not start.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.folder = cluster.folder / f"r{os.getpid()}-{next(_numbers)}"
        self.folder.mkdir(mode=0o700)
        place = {"PYTHONPATH": str(Path(enctest.__file__).parent.parent)}
        arguments = [str(cluster.socket), str(self.folder), str(cluster.access.port)]
        self._process = subprocess.Popen(  # without site-packages: the standard library is all it needs
            [sys.executable, "-S", "-P", "-m", "enctest.databases.relay", *arguments],
            cwd="/", env=os.environ | place, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if self._process.stdout is None or self._process.stdout.readline() != b"ready\n":
            self.close()
            raise EnctestError("the relay for isolation = 'transaction' does not start")

    def close(self) -> None:
        """End it; its folder is gone then."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._process.wait()
