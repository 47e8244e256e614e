"""What PostgreSQL's programs have said of their version: remembered, as to ask takes a tenth of a start."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

import msgspec

from enctest.paths import cache_folder

_REMEMBERED = "programs.json"
_MOST = 50
_SECONDS = 20


def version(program: Path) -> str:
    """Return such as `15.18`, empty when `program`, a `postgres`, does not run."""
    key = _identity(program)
    known = _known() if key else {}
    if key not in known:
        match = re.search(r"\(PostgreSQL\) (\d+\S*)", output([str(program), "--version"]))
        if match is None:
            return ""
        known[key] = match.group(1)
        if key:
            _remember(known)
    return known[key]


def output(command: list[str]) -> str:
    """Return what a program says; empty when it does not run, as a broken installation is as good as none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _identity(program: Path) -> str:
    """Return what changes when the program does; empty for a script, which may run one or the other."""
    try:
        with program.open("rb") as file:
            if file.read(2) == b"#!":
                return ""
            status = os.fstat(file.fileno())
    except OSError:
        return ""
    return f"{program} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _known() -> dict[str, str]:
    with contextlib.suppress(OSError, msgspec.MsgspecError):  # not there, or damaged: they are asked again
        return msgspec.json.decode((cache_folder() / _REMEMBERED).read_bytes(), type=dict[str, str])
    return {}


def _remember(known: dict[str, str]) -> None:
    latest = dict(list(known.items())[-_MOST:])
    with contextlib.suppress(OSError):  # it only costs time
        with tempfile.NamedTemporaryFile(dir=cache_folder(), delete=False) as file:
            file.write(msgspec.json.encode(latest))
        Path(file.name).replace(cache_folder() / _REMEMBERED)
