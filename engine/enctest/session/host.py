"""The session host: pytest configured once, third-party modules imported, one fork per run.

It stops inside pytest's own start-up, in `pytest_load_initial_conftests`, before the first line of the
project is imported, and forks there: a child goes on from that point as a normal pytest session, in
the order and with the options of a fresh one. See ARCHITECTURE.md, "Host".
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import platform
import select
import signal
import socket
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from enctest.session.job import (
    HostCommand,
    HostEvent,
    HostFailed,
    HostReady,
    Launch,
    WorkerExited,
    WorkerStarted,
)
from enctest.session.preload import preload, project_files
from enctest.session.worker import Worker
from enctest.tracing.hooks import import_hooks
from enctest.wire import Unpacker, pack

_PR_SET_PDEATHSIG = 1


class Setup(msgspec.Struct, frozen=True):
    """What a host is started with, as JSON in its first argument.

    Attributes:
        control: Number of the inherited descriptor of the control socket.
        args: The user's pytest arguments.
        script: What `sys.argv[0]` is to be, so that the session looks as if `pytest` had been run.
        root: The project's root.
        modules: Third-party modules to import ahead.
        never: Modules that an earlier host learned to leave out.
    """

    control: int
    args: list[str]
    script: str
    root: str
    modules: list[str]
    never: list[str]


class Host:
    """Waits for commands on the control socket, forks workers, tells when they end."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._socket = socket.socket(fileno=setup.control)
        self._unpacker: Unpacker[HostCommand] = Unpacker(HostCommand)
        self._workers: dict[int, int] = {}
        self._descriptors: list[int] = []
        self._wake_read, self._wake_write = os.pipe()
        self.worker: Worker | None = None

    def ready(self, config: pytest.Config) -> None:
        """Import ahead, then say that runs can start."""
        root = Path(self.setup.root)
        rewritten = tuple(getattr(_rewrite_hook(config), "_must_rewrite", ()))
        modules = [name for name in self.setup.modules if name not in self.setup.never]
        left_out = preload(modules, rewritten)
        gc.collect()
        gc.freeze()
        self._tell(
            HostReady(
                rootdir=str(config.rootpath),
                versions=_versions(config),
                files=tuple(project_files(root)),
                config_files=(str(config.inipath),) if config.inipath else (),
                python_files=tuple(config.getini("python_files")),
                left_out=left_out,
            )
        )

    def wait(self) -> Worker:
        """Serve until a command asks for a run; return in its worker (the host itself never returns)."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        while True:
            readable = select.select([self._socket.fileno(), self._wake_read], [], [])[0]
            if self._wake_read in readable:
                os.read(self._wake_read, 4096)
            self._reap()
            if self._socket.fileno() not in readable:
                continue
            data, descriptors, _, _ = socket.recv_fds(self._socket, 65536, 16)
            self._descriptors += descriptors
            if not data:
                self._end()
            for command in self._unpacker.feed(data):
                worker = self._obey(command)
                if worker is not None:
                    return worker

    def _obey(self, command: HostCommand) -> Worker | None:
        if isinstance(command, Launch):
            return self._launch(command.run)
        pid = next((pid for pid, run in self._workers.items() if run == command.run), None)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, command.signal)
        return None

    def _launch(self, run: int) -> Worker | None:
        descriptor = self._descriptors.pop(0)
        sys.stdout.flush()
        sys.stderr.flush()
        host = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_worker(host)
            self.worker = Worker(descriptor)
            return self.worker
        with contextlib.suppress(OSError):  # the child does it as well: whoever is first
            os.setpgid(pid, pid)
        os.close(descriptor)
        self._workers[pid] = run
        self._tell(WorkerStarted(run=run, pid=pid))
        return None

    def _become_worker(self, host: int) -> None:
        """Make the fork a process group of its own that dies with the host and has none of its sockets."""
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != host:
                os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._socket.detach())
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            run = self._workers.pop(pid, None)
            if run is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)  # what the tests left running in the group
                self._tell(WorkerExited(run=run, status=os.waitstatus_to_exitcode(status)))

    def _tell(self, event: HostEvent) -> None:
        self._socket.sendall(pack([event]))

    def fail(self, message: str) -> None:
        """Say that pytest did not start."""
        with contextlib.suppress(OSError):
            self._tell(HostFailed(message=message))

    def _end(self) -> None:
        """The explorer is gone: take every run along."""
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        os._exit(0)


class HostPlugin:
    """Stops pytest's start-up where a fork is an exact snapshot of 'everything before the project'."""

    def __init__(self, host: Host) -> None:
        self.host = host

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config, args: list[str]
    ) -> Generator[None, Any, Any]:
        """Wait here; go on in a worker."""
        self.host.ready(early_config)
        worker = self.host.wait()
        worker.begin(early_config, args)
        return (yield)


def _rewrite_hook(config: pytest.Config) -> object:
    return getattr(config.pluginmanager, "rewrite_hook", None)


def _versions(config: pytest.Config) -> dict[str, str]:
    versions = {"python": platform.python_version(), "pytest": pytest.__version__}
    for _, distribution in config.pluginmanager.list_plugin_distinfo():
        versions[distribution.project_name] = distribution.version
    return versions


def main(argument: str) -> int:
    """Run a host; returns the exit code of the worker that it becomes."""
    setup = msgspec.json.decode(argument, type=Setup)
    sys.argv = [setup.script, *setup.args]
    sys.path.insert(0, str(Path(setup.script).parent))
    import_hooks()  # before pytest rewrites assertions in what a plugin's distribution holds
    host = Host(setup)
    code = _pytest_main(setup.args, host)
    if host.worker is None:
        return code
    host.worker.end(code)
    return code


def _pytest_main(args: Sequence[str], host: Host) -> int:
    code = int(pytest.main(list(args), plugins=[HostPlugin(host)]))
    if host.worker is None:
        host.fail(f"pytest ended before its session began (exit code {code})")
    return code
