"""The owner's end of a filler: a process that lives as long as this one needs copies."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import enctest
from enctest.databases.cluster import ROLE, Cluster
from enctest.databases.templates import Template
from enctest.debuggers import start_process


class Filling:
    """Starts a filler for a cluster, and tells it what to keep ready."""

    def __init__(self, cluster: Cluster) -> None:
        arguments = [str(cluster.socket), str(cluster.binaries.major), ROLE]
        place = {"PYTHONPATH": str(Path(enctest.__file__).parent.parent)}
        self._process = start_process(  # without site-packages: the standard library is all it needs
            [sys.executable, "-S", "-P", "-m", "enctest.databases.filler", *arguments],
            cwd="/", env=os.environ | place, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def is_alive(self) -> bool:
        """Tell whether it still works."""
        return self._process.poll() is None

    def wish(self, template: Template, number: int) -> None:
        """Have so many copies of a template ready, instead of what was wished for its database before."""
        line = json.dumps([template.name, template.database, template.dressed, number]).encode() + b"\n"
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it lost its server: workers make their own copies
                self._process.stdin.write(line)
                self._process.stdin.flush()

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()
