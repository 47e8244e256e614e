"""A neovim that runs already: found by its socket, and told to show a file."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_PATIENCE = 1.0
"""Seconds that one may take to answer."""
_MOST = 8


def running(program: str, root: Path, environment: Mapping[str, str]) -> str:
    """Return the address of a neovim: the one in whose terminal we are, else one that works in the project.

    Args:
        program: How neovim is called.
        root: The project's folder.
        environment: Of this process.
    """
    for name in ("NVIM", "NVIM_LISTEN_ADDRESS"):
        address = environment.get(name, "")
        if address and _ask(program, address, "1") == "1":
            return address
    for socket in list(_sockets(environment))[:_MOST]:
        folder = _ask(program, str(socket), "getcwd()")
        if folder.startswith("/") and Path(folder).resolve().is_relative_to(root.resolve()):
            return str(socket)
    return ""


def command(program: str, address: str, path: Path, line: int, *, in_a_tab: bool) -> list[str]:
    """Return the command that lets a running neovim show a file; `in_a_tab` leaves its window as it is."""
    name = str(path).replace("'", "''")
    drop = "tab drop" if in_a_tab else "drop"
    shown = f"execute('{drop} ' . fnameescape('{name}'))"
    there = f", cursor({line}, 1), execute('normal! zvzz')" if line > 0 else ""
    return [program, "--server", address, "--remote-expr", f"[{shown}{there}]"]


def _sockets(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the sockets of this user's neovims, the newest first."""
    user = environment.get("USER") or environment.get("LOGNAME") or "*"
    places = [
        (environment.get("XDG_RUNTIME_DIR", ""), "nvim.*.0"),
        (tempfile.gettempdir(), f"nvim.{user}/*/nvim.*.0"),
        (tempfile.gettempdir(), "nvim*/0"),  # before 0.8
    ]
    found: dict[Path, float] = {}
    for folder, pattern in places:
        for path in Path(folder).glob(pattern) if folder else ():
            with contextlib.suppress(OSError):
                status = path.lstat()
                if status.st_uid == os.getuid():
                    found[path] = status.st_mtime
    yield from sorted(found, key=lambda path: -found[path])


def _ask(program: str, address: str, expression: str) -> str:
    """Return what a neovim says; nothing when it is gone or does not answer."""
    try:
        done = subprocess.run(
            [program, "--server", address, "--remote-expr", expression],
            capture_output=True, text=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    answer = done.stdout or done.stderr  # before 0.8 it is printed there
    return answer.strip() if done.returncode == 0 else ""
