"""The command itself: look, show, ask, write, and say what comes next."""

from __future__ import annotations

import contextlib
import os
import sys

from enctest import config
from enctest.cli.init.proposal import Proposal, Seen, propose
from enctest.cli.init.writing import appended, toml, write
from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager
from enctest.errors import EnctestError
from enctest.paths import Project


def init(*, yes: bool) -> int:
    """Show what would be written to pyproject.toml, and write it if that is wanted; returns the exit code.

    Args:
        yes: Do not ask.

    Raises:
        EnctestError: pyproject.toml is broken, declares databases already, or cannot be written.
    """
    project = Project.find()
    path = project.root / "pyproject.toml"
    proposals = propose(Seen.of(project.root, os.environ))
    for proposal in proposals:
        _fit_version(proposal, project)
    tables = toml(proposals)
    if not tables:
        print(f"{project.root}: no database was found, so nothing has to be configured.")
        print("Open the tests: enctest-tui")
        return 0
    text = appended(path, tables)
    where = "the end of pyproject.toml" if path.exists() else "a new pyproject.toml"
    print(f"{project.root}: this would go to {where}\n")
    print("".join(f"    {line}\n" if line else "\n" for line in tables.splitlines()))
    if not yes and not _agrees():
        print("Nothing is written.")
        return 1
    write(path, text)
    print(f"Written to {path}.")
    return _outlook(project)


def _fit_version(proposal: Proposal, project: Project) -> None:
    """Take any version of a server where the one that was found is not on this machine."""
    if not proposal.version:
        return
    settings = DatabaseSettings(engine=proposal.engine, version=proposal.version)
    with contextlib.closing(DatabaseManager({proposal.name: settings}, project)) as manager:
        if manager.describe().problems:
            proposal.reasons.append(f"there is no version {proposal.version} here, so any will do")
            proposal.version = ""


def _agrees() -> bool:
    if not sys.stdin.isatty():
        print("With --yes it is written.")
        return False
    try:
        return input("Write it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def _outlook(project: Project) -> int:
    """Say what is missing for these databases, if anything."""
    problems: tuple[EnctestError, ...] = ()
    with contextlib.closing(DatabaseManager(config.load(project.root).databases, project)) as manager:
        problems = tuple(manager.describe().problems)
    for problem in problems:
        print(f"! {problem.title}\n  {problem.hint}")
    print("Next: enctest doctor, then enctest-tui" if problems else "Open the tests: enctest-tui")
    return 0
