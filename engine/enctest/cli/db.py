"""`enctest db`: a look at the managed databases while runs go on, and at what failed tests have left."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from enctest import config
from enctest.config import DatabaseSettings
from enctest.databases import kept
from enctest.databases.inspection import Inspection, NotNowError
from enctest.databases.protocol import ServerError
from enctest.errors import EnctestError
from enctest.paths import Project

USAGE = """\
enctest db list                          databases of runs that go on, and those kept of failed tests
enctest db url NAME [--test NODEID]      the URL of one
enctest db shell NAME [--test NODEID]    pgcli or psql on it
enctest db changes NAME [--test NODEID]  how many rows differ from the migrated state, by table
enctest db drop NAME [--test NODEID]     remove what was kept, of one test or of all
enctest db reset NAME                    make the first run's database anew
"""
_TRIES, _PAUSE = 5, 0.2
_COMMANDS = ("url", "shell", "changes", "drop", "reset")


def db(args: Sequence[str], test: str) -> int:
    """Run a subcommand; returns its exit code.

    Args:
        args: Its words.
        test: The node id that was given, or nothing.

    Raises:
        EnctestError: It is used wrongly, nothing runs, or there is no such database.
    """
    root = Project.find().root
    declared = config.load(root).databases
    settings = {name: one for name, one in declared.items() if one.engine == "postgresql"}
    if list(args) == ["list"] and not test:
        for name in settings:
            with Inspection(root, settings, name) as inspection:
                _list(inspection, name)
        return 0
    if len(args) != 2 or args[0] not in _COMMANDS or (args[0] == "reset" and test):  # noqa: PLR2004 - and a name
        raise EnctestError("enctest db: these are its commands", USAGE)
    command, name = args
    if name in declared and name not in settings:
        raise EnctestError(f"database {name} is no PostgreSQL", "enctest db is about those alone.")
    if name not in settings:
        raise EnctestError(
            f"no database {name!r} is declared", f"There are: {', '.join(sorted(settings)) or 'none'}."
        )
    shell = _try(command, root, settings, name, test)
    if shell:
        os.execv(shell[0], shell)
    return 0


def _try(
    command: str, root: Path, settings: Mapping[str, DatabaseSettings], name: str, test: str
) -> list[str]:
    """Run a command, for a second also where a run makes the database anew at this moment."""
    for patience in range(_TRIES, -1, -1):
        try:
            with Inspection(root, settings, name) as inspection:
                return _run(command, inspection, settings[name].scheme or "postgresql", test)
        except NotNowError:
            if not patience:
                raise
        except (OSError, ServerError) as error:
            if not patience:
                raise EnctestError(f"enctest db {command} {name}: {error}", exit_code=1) from error
        time.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")


def _run(command: str, inspection: Inspection, scheme: str, test: str) -> list[str]:
    """Run a command; returns what is to take this process's place, if anything."""
    match command:
        case "url":
            print(inspection.location(inspection.find(test)).url(scheme))
        case "shell":
            return _shell(inspection, test)
        case "changes":
            _changes(inspection, test)
        case "drop":
            _drop(inspection, test)
        case "reset":
            inspection.reset(inspection.find())
    return []


def _list(inspection: Inspection, name: str) -> None:
    for each in inspection.databases():
        what = each.test or each.database
        print(f"{name}  {each.state:5} {each.size >> 10:7} kB  {each.sessions:3} sessions  {what}")


def _shell(inspection: Inspection, test: str) -> list[str]:
    """Return the command that shows a database."""
    found = inspection.find(test)
    command = kept.shell(inspection, found)
    if not command:
        url = inspection.location(found).url("postgresql")
        raise EnctestError("there is neither pgcli nor psql", f"Install one of them; the URL is {url}")
    return command


def _changes(inspection: Inspection, test: str) -> None:
    changes = kept.changed(inspection, inspection.find(test))
    for change in changes:
        print(f"{change.table}: {change.told}")
    if not changes:
        print("nothing differs")


def _drop(inspection: Inspection, test: str) -> None:
    kept = [each for each in inspection.databases() if each.state == "kept"]
    inspection.drop(*(each.database for each in ([inspection.find(test)] if test else kept)))
