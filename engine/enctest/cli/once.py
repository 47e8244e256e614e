"""`enctest [PYTEST ARGS]`: one run, exactly as pytest would, plus traces, dependencies and databases."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from enctest import config
from enctest.config import Settings
from enctest.errors import EnctestError
from enctest.paths import Project
from enctest.selection.variables import THE_USERS
from enctest.session.leaving_out import LeftOut
from enctest.session.spool import VARIABLE, Spool, read
from enctest.session.xdist_options import take_workers
from enctest.store.history import History
from enctest.store.owner import Ownership

if TYPE_CHECKING:
    import pytest

ISOLATE = "--isolate"
"""Ours among pytest's arguments: a process for each test."""
SPANS = "--spans"
"""Ours as well: print the span trees of failed tests. (pytest's own `--trace` begins each test in pdb.)"""
_LOOK, _PATIENCE = 0.2, 10.0
"""Seconds between two tries to remember a run while somebody else writes the history, and for all of them."""


def run_once(args: Sequence[str]) -> int:
    """Run pytest in this process; returns its exit code.

    Raises:
        EnctestError: The configuration is wrong, or a declared database is not to be had.
    """
    project = Project.find()
    settings = config.load(project.root)
    rest = list(args)
    workers = take_workers(rest)
    isolate, trees = ISOLATE in rest, SPANS in rest
    rest = [arg for arg in rest if arg not in (ISOLATE, SPANS)]
    choice = _choice(project, rest)
    with _databases(project, settings) as env:
        os.environ.update(env)
        return _run(project, settings, rest, workers, choice, isolate=isolate, trees=trees)


def _choice(project: Project, args: list[str]) -> LeftOut | None:
    """Return what `--affected` leaves out, and take it out of the arguments; None without it."""
    if not any(arg.startswith("--affected") for arg in args):
        return None
    from enctest.cli.range import choose, take

    revision = take(args)
    return None if revision is None else choose(project, revision)


def _run(
    project: Project,
    settings: Settings,
    args: list[str],
    workers: int,
    left_out: LeftOut | None,
    *,
    isolate: bool,
    trees: bool,
) -> int:
    import pytest

    folder = Path(tempfile.mkdtemp(prefix="spool-", dir=project.state))
    try:
        last_run, durations = _known(project)
        spool = Spool(
            folder=str(folder),
            owner=os.getpid(),
            root=str(project.root),
            state=str(project.state),
            spans=settings.spans or trees,
            run=last_run + 1,
            workers=workers,
            isolate=isolate,
        )
        spool.durations_file.write_bytes(msgspec.msgpack.encode(durations))
        if left_out is not None:
            spool.left_out_file.write_bytes(msgspec.msgpack.encode(left_out))
        os.environ[VARIABLE] = msgspec.json.encode(spool).decode()
        _be_called_pytest(args)
        autoload = not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
        extra = [] if autoload and "--disable-plugin-autoload" not in args else ["-p", "enctest.plugin"]
        code = int(pytest.main([*extra, *args], plugins=_plugins(folder, trees=trees)))
        os.environ.pop(VARIABLE, None)
        _remember(project, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return code


def tell(args: Sequence[str]) -> int:
    """Let pytest say something about itself, such as `--help`; no database is made for that."""
    import pytest

    _be_called_pytest(args)
    return int(pytest.main(list(args), plugins=[AsPytest()]))


def _be_called_pytest(args: Sequence[str]) -> None:
    sys.argv = [str(Path(sys.argv[0]).with_name("pytest")), *args]


class AsPytest:
    """Lets usage errors and the help name the program that they are about, not a function of it."""

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Before anything is parsed."""
        shown = getattr(parser, "optparser", None)  # older ones of pytest look at sys.argv
        if shown is not None:
            shown.prog = "pytest"


def _plugins(folder: Path, *, trees: bool) -> list[object]:
    """Return what takes part in the run besides what it finds itself."""
    if not trees:
        return [AsPytest()]
    from enctest.session.failed_trees import FailedTrees

    return [AsPytest(), FailedTrees(folder)]


def _known(project: Project) -> tuple[int, dict[str, float]]:
    """Return the number of the last run, and how many milliseconds each test took."""
    with contextlib.closing(History(project.state)) as history:
        timed = [test for test in history.tests() if test.outcome is not None]
        return history.meta("run", int) or 0, {test.info.test: test.duration_ms for test in timed}


def _remember(project: Project, folder: Path) -> None:
    """Fold what the run wrote into the history; a failure is said and changes no outcome.

    An open explorer is the one to do it: it would know nothing of what is written behind its back.
    """
    from enctest.explorer.handed_in import hand_in
    from enctest.explorer.journal import name_of
    from enctest.explorer.offline import Offline

    ownership = Ownership(project.state, name_of([]))
    deadline = time.monotonic() + _PATIENCE
    try:
        while not ownership.acquire(patience=_LOOK):
            if (door := ownership.door()) and hand_in(folder, door):
                return
            if time.monotonic() > deadline:
                print("enctest: this run is not remembered: an explorer has the history", file=sys.stderr)
                return
        with contextlib.closing(Offline(project, [], variables=THE_USERS)) as offline:
            offline.fold(read(folder))
    except EnctestError as error:
        print(f"enctest: this run is not remembered: {error.title}", file=sys.stderr)
    finally:
        ownership.release()


@contextlib.contextmanager
def _databases(project: Project, settings: Settings) -> Iterator[dict[str, str]]:
    if not settings.databases:
        yield {}
        return
    from enctest.databases.manager import DatabaseManager

    manager = DatabaseManager(settings.databases, project)
    try:
        manager.prepare()
        lease = manager.lease("run")
        yield dict(lease.env)
    finally:
        manager.close()
