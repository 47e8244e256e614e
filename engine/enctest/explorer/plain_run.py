"""A plain run, from its databases to what is remembered of it: `enctest` makes one, and so does `pytest`."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from enctest import config
from enctest.config import Settings
from enctest.errors import EnctestError
from enctest.explorer.telling import announce, hand_in
from enctest.paths import Project
from enctest.selection.variables import THE_USERS
from enctest.session.leaving_out import LeftOut
from enctest.session.spool import PREFIX, VARIABLE, Spool, owner_lives, read
from enctest.store.history import History
from enctest.store.owner import Ownership

DOOR = "ENCTEST_DOOR"
"""Variable that names the socket of the explorer that a run belongs to, if one has started it."""
_LOOK, _PATIENCE = 0.2, 10.0
"""Seconds between two tries to remember a run while somebody else writes the history, and for all of them."""


class PlainRun:
    """One run of pytest in this process.

    Args:
        project: The project.
        settings: What it says of itself.
        workers: Processes that were asked for, where pytest-xdist is not there to be asked.
        isolate: A process for each test.
        left_out: Tests that are not to run.
        bare: It was not `enctest` that was typed.

    Attributes:
        folder: Where what happens is written, from `record` to `end`.
    """

    def __init__(
        self,
        project: Project,
        settings: Settings,
        *,
        workers: int = 0,
        isolate: bool = False,
        left_out: LeftOut | None = None,
        bare: bool = False,
    ) -> None:
        self._project = project
        self._settings = settings
        self._workers = workers
        self._isolate = isolate
        self._left_out = left_out
        self._bare = bare
        self._door = os.environ.pop(DOOR, "")
        self._open = contextlib.ExitStack()
        self.folder = Path()

    def provide(self) -> Mapping[str, str]:
        """Make the databases and set their variables, until `end`; returns these.

        Raises:
            EnctestError: A declared database is not to be had.
        """
        if not self._settings.databases:
            return {}
        from enctest.databases.manager import DatabaseManager

        manager = DatabaseManager(self._settings.databases, self._project)
        self._open.callback(manager.close)
        manager.prepare()
        env = manager.lease("run").env
        former = {name: os.environ.get(name) for name in env}
        self._open.callback(_restore, former)
        os.environ.update(env)
        return env

    def record(self) -> None:
        """Have the pytest session that begins next in this process write what happens, until `end`."""
        _sweep(self._project.state)
        prefix = f"{PREFIX}{os.getpid()}-"
        folder = self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self._project.state))
        self._open.callback(shutil.rmtree, folder, ignore_errors=True)
        last_run, durations = _known(self._project)
        spool = Spool(
            folder=str(folder),
            owner=os.getpid(),
            root=str(self._project.root),
            state=str(self._project.state),
            spans=self._settings.spans,
            redact=tuple(self._settings.redact),
            ambient=self._settings.ambient,
            run=last_run + 1,
            workers=self._workers,
            isolate=self._isolate,
            bare=self._bare,
            live=announce(folder, self._door or self._ownership().door()),
        )
        spool.durations_file.write_bytes(msgspec.msgpack.encode(durations))
        if self._left_out is not None:
            spool.left_out_file.write_bytes(msgspec.msgpack.encode(self._left_out))
        os.environ[VARIABLE] = msgspec.json.encode(spool).decode()
        self._open.callback(self._remember, folder)
        self._open.callback(os.environ.pop, VARIABLE, None)

    def end(self) -> None:
        """Remember the run and give everything back."""
        self._open.close()

    def _ownership(self) -> Ownership:
        from enctest.explorer.journal import name_of

        return Ownership(self._project.state, name_of([]))

    def _remember(self, folder: Path) -> None:
        """Fold what the run wrote into the history; a failure is said and changes no outcome.

        An open explorer is the one to do it: it would know nothing of what is written behind its back.
        """
        from enctest.explorer.offline import Offline

        if self._door and hand_in(folder, self._door):
            return
        ownership = self._ownership()
        deadline = time.monotonic() + _PATIENCE
        try:
            while not ownership.acquire(patience=_LOOK):
                if (door := ownership.door()) and hand_in(folder, door):
                    return
                if time.monotonic() > deadline:
                    _say("an explorer has the history")
                    return
            with contextlib.closing(Offline(self._project, [], variables=THE_USERS)) as offline:
                offline.fold(read(folder))
        except EnctestError as error:
            _say(error.title)
        finally:
            ownership.release()


def find(start: Path | None = None) -> tuple[Project, Settings]:
    """Return the project of a folder (default: the current one), and its settings.

    Raises:
        EnctestError: The configuration is wrong.
    """
    project = Project.find(start)
    return project, config.load(project.root)


def _restore(former: dict[str, str | None]) -> None:
    for name, value in former.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _known(project: Project) -> tuple[int, dict[str, float]]:
    """Return the number of the last run, and how many milliseconds each test took."""
    with contextlib.closing(History(project.state)) as history:
        timed = [test for test in history.tests() if test.outcome is not None]
        return history.meta("run", int) or 0, {test.info.test: test.duration_ms for test in timed}


def _sweep(state: Path) -> None:
    """Remove what runs have left that were killed."""
    for folder in state.glob(f"{PREFIX}*"):
        if not owner_lives(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _say(why: str) -> None:
    print(f"enctest: this run is not remembered: {why}", file=sys.stderr)
