"""`enctest doctor`: what was found here, and what to do about each problem."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from enctest import __version__, config
from enctest.config import Settings
from enctest.databases.manager import DatabaseManager
from enctest.errors import EnctestError
from enctest.explorer.hosts import Hosts
from enctest.explorer.journal import Journal
from enctest.explorer.selector import Selector
from enctest.paths import Project
from enctest.session.control import find_python
from enctest.session.job import Job

_MEMORY = Path("/dev/shm")  # noqa: S108 - the memory file system itself
_MIB = 1024 * 1024
_PATIENCE = 60.0
"""Seconds that collecting the project may take."""


class Finding:
    """One line of the report; a problem has what to do about it."""

    def __init__(self, name: str, value: str, problem: str = "") -> None:
        self.name = name
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        mark = "!" if self.problem else " "
        line = f"{mark} {self.name:<12} {self.value}"
        return f"{line}\n{'':<15}-> {self.problem}" if self.problem else line


def doctor(python: str) -> int:
    """Print the report; 1 when there is a problem."""
    project = Project.find()
    findings = []
    for finding in _examine(project, python):
        print(finding, flush=True)
        findings.append(finding)
    return 1 if any(finding.problem for finding in findings) else 0


def _examine(project: Project, python: str) -> Iterator[Finding]:
    yield Finding("enctest", f"{__version__} on Python {sys.version.split()[0]} ({sys.executable})")
    cached = project.state.parent != project.root
    yield Finding("project", str(project.root), "read-only: its history is in your cache" if cached else "")
    yield Finding("history", f"{project.state} ({_size(project.state) / _MIB:.1f} MiB)")
    try:
        settings = config.load(project.root)
    except EnctestError as error:
        yield Finding("settings", error.title, error.hint or "Mend pyproject.toml.")
        settings = Settings()
    yield Finding("fork", "available" if hasattr(os, "fork") else "missing", "")
    yield _memory()
    yield from asyncio.run(_session(project, settings, python))
    yield from _databases(project, settings)


def _memory() -> Finding:
    if not _MEMORY.is_dir():
        return Finding(
            "memory", "no memory file system", "Databases go to the disk, without fsync: little slower."
        )
    free = shutil.disk_usage(_MEMORY).free // _MIB
    problem = "" if free > 600 else "Databases go to the disk. In a container: --shm-size=1g."  # noqa: PLR2004
    return Finding("memory", f"{_MEMORY}, {free} MiB free", problem)


async def _session(project: Project, settings: Settings, python: str) -> list[Finding]:
    """Start a session host as the explorer does, and say what it says."""
    try:
        interpreter = find_python(project.root, python)
    except EnctestError as error:
        return [Finding("python", error.title, error.hint or "Name another one.")]
    findings = [Finding("python", interpreter)]
    journal = Journal(project, [], lambda _: None)
    selector = Selector(project, journal.history, interpreter)
    hosts = Hosts(project, settings, python=interpreter, args=(), on_exit=lambda _: None, records=selector)
    hosts.modules = journal.modules
    hosts.sets = set(journal.sets)
    try:
        ready = await hosts.start()
        collected = await _collect(hosts, project)
    except EnctestError as error:
        return [*findings, Finding("pytest", error.title, error.hint or "Run pytest to see more.")]
    finally:
        await hosts.stop()
        journal.history.close()
    plugins = ", ".join(f"{name} {version}" for name, version in ready.versions.items() if name != "python")
    findings.append(Finding("session", plugins))
    ahead = len(hosts.modules) - len(hosts.never)
    findings.append(Finding("ahead", f"{ahead} third-party modules are imported before runs"))
    findings += [Finding("left out", f"{name}: {why}") for name, why in hosts.never.items()]
    return findings + collected


async def _collect(hosts: Hosts, project: Project) -> list[Finding]:
    """Collect the project as idle explorers do, and say what is suspended on the way."""
    job = Job(run=0, reason="doctor", everything=True, root=str(project.root), state=str(project.state))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(hosts.prepare(job), _PATIENCE)
    infos = [point.info for point in hosts.chain.points if point.info]
    places = ", ".join(info.place for info in infos) or "none"
    findings = [Finding("snapshots", f"{places} ({hosts.chain.memory() // _MIB} MiB of their own)")]
    for place, reason in hosts.refused.items():
        findings.append(Finding("snapshots", f"none at {place}: {reason}"))
    return findings


def _databases(project: Project, settings: Settings) -> Iterator[Finding]:
    if not settings.databases:
        yield Finding("databases", "none declared")
        return
    manager = DatabaseManager(settings.databases, project)
    with contextlib.closing(manager):
        report = manager.describe()
        for name, server in report.chosen.items():
            yield Finding("server", f"{name}: {server}")
        for problem in report.problems:
            yield Finding("databases", problem.title, problem.hint or "See the message.")
        if report.problems:
            return
        try:
            manager.prepare()
        except EnctestError as error:
            yield Finding("databases", error.title, error.hint or "See the message.")
        else:
            yield Finding("databases", f"{', '.join(settings.databases)}: migrated and ready")


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
