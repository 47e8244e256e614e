"""The session host: pytest configured once, third-party modules imported, one fork per run.

It stops inside pytest's own start-up, in `pytest_load_initial_conftests`, before the first line of the
project is imported, and forks there: a child goes on from that point as a normal pytest session, in
the order and with the options of a fresh one. See ARCHITECTURE.md, "Host".
"""

from __future__ import annotations

import contextlib
import gc
import platform
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from enctest.session.forking import know_modules
from enctest.session.forkpoint import ForkPoint
from enctest.session.job import HostFailed, HostReady
from enctest.session.preload import preload, project_files
from enctest.session.worker import Worker
from enctest.tracing.hooks import import_hooks


class Setup(msgspec.Struct, frozen=True):
    """What a host is started with, as JSON in its first argument.

    Attributes:
        control: Number of the inherited descriptor of the control socket.
        args: The user's pytest arguments.
        script: What `sys.argv[0]` is to be, so that the session looks as if `pytest` had been run.
        root: The project's root.
        modules: Third-party modules to import ahead.
        never: Modules that an earlier host learned to leave out.
        sets: Environment variables that the project sets itself.
        once: Do the first run in this very process, without a fork.
    """

    control: int
    args: list[str]
    script: str
    root: str
    modules: list[str]
    never: list[str]
    sets: list[str]
    once: bool = False


class Host:
    """The first fork point: pytest is configured, third-party modules are in, nothing of the project is."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._point = ForkPoint(setup.control)
        self.worker: Worker | None = None

    def ready(self, config: pytest.Config) -> None:
        """Import ahead, then say that runs can start."""
        root = Path(self.setup.root)
        rewritten = tuple(getattr(_rewrite_hook(config), "_must_rewrite", ()))
        modules = [name for name in self.setup.modules if name not in self.setup.never]
        ahead = preload(modules, rewritten, self.setup.sets)
        know_modules()
        gc.collect()
        gc.freeze()
        self._point.tell(
            HostReady(
                rootdir=str(config.rootpath),
                versions=_versions(config),
                files=tuple(project_files(root)),
                config_files=(str(config.inipath),) if config.inipath else (),
                python_files=tuple(config.getini("python_files")),
                left_out=ahead.left_out | ahead.unsafe,
                unsafe=tuple(ahead.unsafe),
                reads=ahead.reads,
            )
        )

    def wait(self) -> Worker:
        """Serve until a command asks for a run; return in its worker: a fork, unless this is for `once`."""
        self.worker = Worker(self._point.take() if self.setup.once else self._point.wait())
        return self.worker

    def fail(self, message: str) -> None:
        """Say that pytest did not start."""
        with contextlib.suppress(OSError):
            self._point.tell(HostFailed(message=message))


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
