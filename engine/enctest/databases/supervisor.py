"""Runs one server for as long as anybody uses it, then removes every trace of it.

Its folder holds `lock`, on which each user of the server has a shared lock, `alive`, which this process keeps
locked, and what the server writes. Users may be killed at any time: the kernel then releases their locks, the
exclusive lock on `lock` is granted to this process, and it ends the server. If this process is killed, the
kernel ends the server (Linux only; elsewhere the next start does). Without one it only removes the folder.

Only the standard library is imported, and not much of it: a cluster that starts waits for this.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from contextlib import suppress
from ctypes import CDLL

LOCK = "lock"
ALIVE = "alive"
DATA = "data"
"""A PostgreSQL server's folder of data."""
PID = "server.pid"

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_IPC_RMID = 0
_PATIENCE = 10.0
_MEANT_FOR_THE_TERMINAL = (signal.SIGINT, signal.SIGHUP)
_ENDINGS = (signal.SIGTERM, signal.SIGCHLD)


class _EndedError(BaseException):
    """The server died, or somebody asked this process to stop."""


def main(arguments: list[str]) -> None:
    """Wait for a byte on the pipe `go`, run the server, leave when nobody uses it or it is dead.

    Args:
        arguments: The folder, the server's uid and gid (-1: ours), descriptors of `alive` and `go`, the
            signal that ends the server at once, and its command, if there is one.
    """
    folder, command = arguments[0], arguments[6:]
    uid, gid, alive, go, ending = map(int, arguments[1:6])
    os.set_inheritable(alive, False)  # the server must not hold the lock that says we live
    for number in _MEANT_FOR_THE_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    server, lock = 0, -1
    try:
        for number in _ENDINGS:
            signal.signal(number, _end)
        starting = os.read(go, 1)
        os.close(go)
        if starting:
            if command:
                server = _start(command, uid, gid, ending)
                _write_pid(folder, server)
            lock = os.open(os.path.join(folder, LOCK), os.O_RDWR)
            fcntl.flock(lock, fcntl.LOCK_EX)
    except _EndedError:
        pass
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGTERM else signal.SIG_DFL)
    if server:
        _stop(server, ending)
    discard_if_unused(folder, lock)


def discard_if_unused(folder: str, lock: int = -1) -> bool:
    """Remove a cluster's folder, and what is left of its server, if no user holds its lock.

    `lock` is an open descriptor of the lock, so that one who has it need not let go of it first.
    """
    try:
        if lock < 0:
            lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return False  # gone already, or not ours
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not is_current(folder, lock):
            return False
        discard_server(folder)
        dead = f"{folder}.dead.{os.getpid()}"
        os.rename(folder, dead)  # whoever waits for the lock sees by this that it has the wrong one
        _remove(dead)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def is_current(folder: str, lock: int) -> bool:
    """Tell whether the descriptor `lock` is still that of the folder's lock file."""
    try:
        return os.path.samestat(os.fstat(lock), os.stat(os.path.join(folder, LOCK)))
    except FileNotFoundError:
        return False


def discard_server(folder: str) -> None:
    """End a server that outlived its supervisor; free a PostgreSQL's shared memory and remove its data."""
    with suppress(OSError, ValueError), open(os.path.join(folder, PID), encoding="ascii") as file:
        _end_leftover(int(file.read()), folder)
    data = os.path.join(folder, DATA)
    try:
        with open(os.path.join(data, "postmaster.pid"), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []  # it ended in good order, or never began
    if lines and lines[0].isdigit():
        _end_leftover(int(lines[0]), data)
        if len(lines) > 6:  # noqa: PLR2004 - line 7 is "key id" of its System V segment
            _free_segment(lines[6].split(), owner=lines[0])
    _remove(data)


def _remove(folder: str) -> None:
    import shutil  # half of the time that all imports take

    shutil.rmtree(folder, ignore_errors=True)


def _end(_number: int, _frame: object) -> None:
    raise _EndedError


def _write_pid(folder: str, server: int) -> None:
    with suppress(OSError), open(os.path.join(folder, PID), "w", encoding="ascii") as file:
        file.write(str(server))


def _start(command: list[str], uid: int, gid: int, ending: int) -> int:
    """Fork and run the server; return its process id."""
    libc = CDLL(None) if _LINUX else None  # loaded before the fork: little may be done after it
    supervisor = os.getpid()
    server = os.fork()
    if server:
        return server
    try:
        for number in (*_MEANT_FOR_THE_TERMINAL, *_ENDINGS):
            signal.signal(number, signal.SIG_DFL)
        if uid >= 0:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        if libc is not None:  # after setuid, which would undo it
            libc.prctl(_PR_SET_PDEATHSIG, ending)
            if os.getppid() != supervisor:
                os._exit(1)
        os.chdir("/")
        os.umask(0o077)
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"FATAL:  {command[0]} cannot be run: {error}\n".encode())
    finally:
        os._exit(1)


def _stop(server: int, ending: int) -> None:
    """End the server at once: its data is worth nothing, and its clients are gone."""
    with suppress(ProcessLookupError, ChildProcessError):
        for number in (ending, signal.SIGKILL):
            os.kill(server, number)
            deadline = time.monotonic() + _PATIENCE
            while time.monotonic() < deadline:
                if os.waitpid(server, os.WNOHANG)[0]:
                    return
                time.sleep(0.001)


def _end_leftover(pid: int, folder: str) -> None:
    """Kill a process if its command names this folder, so is its server's, and wait until it is gone."""
    deadline = time.monotonic() + _PATIENCE
    while folder in _command_line(pid) and time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
        time.sleep(0.005)


def _command_line(pid: int) -> str:
    """Return a process's command line, empty when it is gone or a zombie."""
    if _LINUX:
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""
    import subprocess

    listed = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout


def _free_segment(key_and_id: list[str], *, owner: str) -> None:
    """Remove the System V segment of a killed server, after a check that the dead one made it."""
    with suppress(OSError), open("/proc/sysvipc/shm", encoding="ascii") as file:
        for fields in map(str.split, file):
            if fields[:2] == key_and_id and fields[4] == owner:
                CDLL(None).shmctl(int(fields[1]), _IPC_RMID, None)


if __name__ == "__main__":
    main(sys.argv[1:])
