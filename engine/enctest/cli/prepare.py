"""`enctest --prepare`: the databases of a run for anything else, as long as it goes on."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from enctest.errors import EnctestError
from enctest.explorer.plain_run import PlainRun, find

OPTION = "--prepare"
_HEAD = "# Written by enctest --prepare; goes when that ends.\n"


def prepare(target: str, command: Sequence[str]) -> int:
    """Make the databases, and say or pass on the variables that lead there; returns the exit code.

    Args:
        target: A file to write them into, as `NAME=value`; empty prints them, as `export NAME=value`.
        command: What is to run with them; nothing keeps the databases up until Ctrl+C.

    Raises:
        EnctestError: There is nothing to prepare, it is not to be had, or the file is somebody else's.
    """
    project, settings = find()
    if not settings.databases:
        raise EnctestError(
            "there is nothing to prepare: no database is declared", "See README.md, A database, managed."
        )
    run = PlainRun(project, settings)
    with contextlib.closing(_Ends()) as ends:
        try:
            env = run.provide()
            if command:
                return _run(command)
            with _told(env, target):
                print("enctest: ready until Ctrl+C", file=sys.stderr, flush=True)
                ends.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            run.end()
    return 0


class _Ends:
    """Takes what asks a process to end for Ctrl+C, so that nothing is left behind."""

    def __init__(self) -> None:
        self._former = {
            number: signal.signal(number, self._end) for number in (signal.SIGTERM, signal.SIGHUP)
        }

    def close(self) -> None:
        """Let signals do what they did."""
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def wait(self) -> None:
        """Wait for one of them, or for Ctrl+C."""
        while True:
            signal.pause()

    def _end(self, *_: object) -> None:
        raise KeyboardInterrupt


def _run(command: Sequence[str]) -> int:
    """Run a command to its end, whatever the terminal sends; the variables are in our environment."""
    try:
        process = subprocess.Popen(command)
    except OSError as error:
        raise EnctestError(f"{command[0]} cannot be started: {error.strerror}") from error
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:  # it has got it, too, or a parent has sent it to us alone
            process.terminate()
        else:
            return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _told(env: Mapping[str, str], target: str) -> Iterator[None]:
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(env.items())]
    if not target:
        sys.stdout.write("".join(f"export {line}" for line in lines))
        sys.stdout.flush()
        yield
        return
    path = Path(target)
    try:
        _write(path, _HEAD + "".join(lines))
        yield
    finally:
        if _is_ours(path):
            path.unlink()


def _write(path: Path, text: str) -> None:
    """Write a file that nobody else can read, at no moment."""
    if _is_ours(path):
        path.unlink()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise EnctestError(f"{path} exists, and is not ours", "Name another file.") from error
    except OSError as error:
        raise EnctestError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)


def _is_ours(path: Path) -> bool:
    try:
        return path.read_bytes().startswith(_HEAD.encode())
    except OSError:
        return False
