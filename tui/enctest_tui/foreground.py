"""Programs that get the terminal for a while: editors, debuggers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.app import App, SuspendNotSupported

from enctest.errors import EnctestError
from enctest_tui import editor

_started: list[subprocess.Popen[bytes]] = []
"""Kept, since a dropped handle of a running process is a ResourceWarning."""


def run(
    app: App[None],
    argv: Sequence[str],
    cwd: Path,
    *,
    env: Mapping[str, str] | None = None,
    wait: bool = False,
) -> str:
    """Run a program in the suspended terminal; return what went wrong, or an empty string.

    Args:
        app: Gives up the terminal meanwhile.
        argv: The command.
        cwd: Where it runs.
        env: Variables it gets besides ours.
        wait: Ask for Enter afterwards, so that the last lines can be read.
    """
    try:
        with app.suspend():
            # An exception that leaves this block would leave the terminal to nobody.
            return _call(argv, cwd, env, wait=wait)
    except SuspendNotSupported:
        return "this terminal cannot be handed to another program"


def _call(argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None, *, wait: bool) -> str:
    # Ctrl+C is for the program; a function, unlike SIG_IGN, is not handed down to it.
    former = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        subprocess.run(argv, cwd=cwd, env={**os.environ, **(env or {})}, check=False)
        if wait:
            sys.stdout.write("\n[enctest] Enter goes back to the tests. ")
            sys.stdout.flush()
            sys.stdin.readline()
    except (OSError, ValueError) as error:
        return f"{argv[0]} could not be started: {error}"
    finally:
        signal.signal(signal.SIGINT, former)
    return ""


def edit(app: App[None], root: Path, path: str, line: int, setting: str = "") -> str:
    """Open a file (relative to `root`) in the user's editor; return what went wrong, or an empty string."""
    try:
        how = editor.opening(root / path, line, root, setting=setting)
    except EnctestError as error:
        return str(error)
    if how.needs_terminal:
        return run(app, how.argv, root)
    problem = start(how.argv, root)
    if not problem and how.said:
        app.notify(how.said, markup=False, timeout=3)
    return problem


def start(argv: Sequence[str], cwd: Path) -> str:
    """Start a program that has a window of its own; return what went wrong, or an empty string."""
    try:
        process = subprocess.Popen(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return f"{argv[0]} could not be started: {error}"
    _started.append(process)
    return ""
