"""Plain runs: the same records as a worker's, into files that are read when the run is over.

`enctest` names a folder in `ENCTEST_SPOOL`; the run, and each process that pytest-xdist starts for it,
writes a file of frames there. What a dead process wrote is there as well.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from enctest.events import WorkerEvent
from enctest.session.collecting import CollectionPlugin
from enctest.session.emitter import Emitter
from enctest.session.freezing import Freezing
from enctest.session.instruments import Instruments
from enctest.session.job import Job
from enctest.session.leaving_out import LeavingOut, LeftOut
from enctest.session.report_plugin import ReportPlugin
from enctest.session.units import isolated
from enctest.session.xdist_options import Wanted, WorkerNameReads, claim_workers
from enctest.wire import Unpacker

if TYPE_CHECKING:
    from enctest.session.isolation import IsolationPlugin
    from enctest.session.resetting import ResetPlugin

VARIABLE = "ENCTEST_SPOOL"
PREFIX = "spool-"
"""What folders of spools begin with; the owner's process id follows."""
_RESETS = "ENCTEST_RESETS"
"""As in `databases.resets`, which is only imported where there are any."""
DATABASES = "ENCTEST_DATABASES"
"""As in `databases.handout`, which is only imported where there are any."""


class Spool(msgspec.Struct, frozen=True, kw_only=True):
    """The value of `ENCTEST_SPOOL`, as JSON.

    Attributes:
        folder: Where the files go.
        owner: Process id of the run; its own children are xdist's workers, anybody else is to stay out.
        root: The folder that recorded paths are relative to.
        state: The folder for caches.
        spans: Capture span trees.
        redact: Regular expressions of what must not be recorded.
        ambient: Tell the processes that tests start where to send their spans.
        run: The run's number.
        workers: Processes that were asked for, where pytest-xdist is not there to be asked.
        isolate: A process for each test.
        live: Somebody reads along.
        bare: It was `pytest` that was typed: what was asked of pytest-xdist is left to it.
    """

    folder: str
    owner: int
    root: str
    state: str
    spans: bool
    redact: tuple[str, ...] = ()
    ambient: bool = True
    run: int
    workers: int = 0
    isolate: bool = False
    live: bool = False
    bare: bool = False

    def open(self, number: int) -> int:
        """Create a file for one process; numbers say in which order files are to be read."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.open(Path(self.folder) / f"{number:08}-{os.getpid()}.frames", flags, 0o600)

    @property
    def durations_file(self) -> Path:
        """Where the run finds how long tests took before: milliseconds by node id, in msgpack."""
        return Path(self.folder) / "durations"

    @property
    def left_out_file(self) -> Path:
        """Where the run finds which tests it is to leave out, if any: a `LeftOut`, in msgpack."""
        return Path(self.folder) / "left-out"


def arm(config: pytest.Config, args: list[str]) -> None:
    """Report this session into a file of the spool, if it is the run itself or an xdist worker of it.

    Args:
        config: At the time when conftests are about to be loaded.
        args: pytest's arguments; where `-n` is our business, pytest-xdist is told so here.
    """
    spool = msgspec.json.decode(os.environ[VARIABLE], type=Spool)
    is_worker = "PYTEST_XDIST_WORKER" in os.environ and os.getppid() == spool.owner
    if not is_worker and os.getpid() != spool.owner:
        return
    covers = _measures_coverage(config)
    wanted = None if is_worker or spool.bare else _wanted(config, args, spool, covers=covers)
    if not is_worker and _distributes(config):
        return  # the controller runs no tests: its workers report
    os.environ.pop(VARIABLE)
    emitter = Emitter(spool.open(0))
    # What is still in the queue when the run itself dies, nobody would read.
    alone = not is_worker and wanted is None and not spool.live
    if alone:
        emitter.start_without_thread()
    else:
        emitter.start()
    job = _job(spool, record=not covers)
    if spool.left_out_file.exists():
        left_out = msgspec.msgpack.decode(spool.left_out_file.read_bytes(), type=LeftOut)
        config.pluginmanager.register(LeavingOut(left_out), "enctest-leaving-out")
    flush = emitter.relieve if alone else emitter.flush
    report = ReportPlugin(job, emitter.emit, flush, adjust=False)
    instruments = Instruments(job, emitter)
    instruments.arm(config)
    Freezing().arm(config)
    config.pluginmanager.register(report, "enctest-report")
    config.pluginmanager.register(CollectionPlugin(job, emitter.emit), "enctest-collection")
    databases = _databases(config, Path(spool.root), worker=is_worker)
    isolation = _isolation(config, os.environ["PYTEST_XDIST_WORKER"] if is_worker else "")
    if isolation is not None:
        from enctest.session import database_plugins

        logs = database_plugins.register(config, isolation, instruments.spans, spool.root)
        if logs is not None:
            emitter.lookers.append(logs.look)
    recording = SpoolRecording(spool, emitter, report, instruments, databases, isolation)
    config.pluginmanager.register(recording, "enctest-closer")
    if not is_worker:
        private = databases.variables if databases else frozenset()
        config.pluginmanager.register(_Loop(spool, wanted, recording, private), "enctest-loop")
    if wanted is not None and not config.pluginmanager.hasplugin("xdist"):
        from enctest.session import worker_fixtures

        config.pluginmanager.register(worker_fixtures, "enctest-worker-fixtures")


def _job(spool: Spool, *, record: bool) -> Job:
    return Job(
        run=spool.run,
        stream=spool.run,
        reason="enctest",
        everything=True,
        root=spool.root,
        state=spool.state,
        spans=spool.spans,
        redact=spool.redact,
        ambient=spool.ambient,
        record=record,
    )


class _Loop:
    """Lets copies of the session run the tests, where processes are asked for: several, or some apart."""

    def __init__(
        self, spool: Spool, wanted: Wanted | None, recording: SpoolRecording, private: frozenset[str]
    ) -> None:
        self._spool = spool
        self._wanted = wanted
        self._recording = recording
        self._reads = WorkerNameReads(private) if wanted else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Import what this takes only when it is needed."""
        isolate = self._spool.isolate
        if self._wanted is None and not isolated(session.items, everything=isolate):
            return None
        from enctest.session.parallel import ParallelRun

        run = ParallelRun(
            self._wanted,
            _durations(self._spool),
            self._recording,
            isolate=isolate,
            reads=self._reads,
        )
        return run.loop(session)


class SpoolRecording:
    """Keeps the recorders of one session and, in a parallel run, of its copies going until all is written."""

    def __init__(
        self,
        spool: Spool,
        emitter: Emitter,
        report: ReportPlugin,
        instruments: Instruments,
        databases: ResetPlugin | None,
        isolation: IsolationPlugin | None,
    ) -> None:
        self._spool = spool
        self._emitter = emitter
        self._report = report
        self._instruments = instruments
        self._databases = databases
        self._isolation = isolation
        self._files = 0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> Generator[None, Any, Any]:
        """After every other plugin."""
        try:
            return (yield)
        finally:
            self._close(int(exitstatus))

    def _close(self, exit_status: int) -> None:
        self._instruments.finish()
        self._report.finish(exit_status)
        self._emitter.close()

    def flush(self) -> None:
        """Write what is known up to now."""
        self._emitter.flush()

    # --- parallel runs ---

    def before_copies(self) -> None:
        """Write what collection told: the copies refer to it."""
        if self._isolation is not None:
            self._isolation.before_copies()
        self._instruments.before_fork()
        self._emitter.flush()

    def copies(self) -> None:
        """Count a file for the copy that is about to be made."""
        self._files += 1

    def in_copy(self) -> None:
        """Go on in a worker, into a file of its own."""
        self._emitter.adopt(self._spool.open(self._files))
        if self._databases is not None and "PYTEST_XDIST_WORKER" in os.environ:
            self._instruments.give(self._databases.own(Path(self._spool.root)))
        if self._isolation is not None:
            self._isolation.in_copy(os.environ.get("PYTEST_XDIST_WORKER", ""))

    def end_copy(self, exit_status: int) -> None:
        """The worker ends."""
        if self._isolation is not None:
            self._isolation.close()
        self._close(exit_status)

    def told(self, nodeid: str) -> None:
        """A worker has recorded this test."""
        self._report.discard(nodeid)

    def crashed(self, nodeid: str) -> None:
        """Tell how a test ended that killed its worker, in a file that is read after the worker's."""
        self._files += 1
        emitter = Emitter(self._spool.open(self._files))
        self._report.finished(nodeid, emitter.emit)
        emitter.close()


class Tail:
    """What the processes of a run write, as it comes.

    Attributes:
        folder: The spool; may be renamed meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[int, Unpacker[WorkerEvent]]] = {}

    def more(self) -> Iterator[WorkerEvent]:
        """Yield what is new, one file after the other."""
        for path in sorted(self.folder.glob("*.frames")):
            offset, unpacker = self._read.setdefault(path.name, (0, Unpacker(WorkerEvent)))
            with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
                stream.seek(offset)
                while data := stream.read(2**18):
                    offset += len(data)
                    self._read[path.name] = offset, unpacker
                    yield from unpacker.feed(data)


def read(folder: Path) -> Iterator[WorkerEvent]:
    """Yield what the processes of a run wrote, one after the other."""
    return Tail(folder).more()


def owner_lives(folder: Path) -> bool:
    """Tell whether the process of a spool is there; whose is not known is taken to be."""
    pid = folder.name.removeprefix(PREFIX).partition("-")[0]
    try:
        os.kill(int(pid) if pid.isdigit() else 0, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _wanted(config: pytest.Config, args: list[str], spool: Spool, *, covers: bool) -> Wanted | None:
    """Return how many workers of ours are to run the tests, None where one process or pytest-xdist does."""
    if covers:
        return None  # pytest-cov knows how to measure in pytest-xdist's processes, not in copies
    return Wanted(spool.workers) if spool.workers else claim_workers(config, args)


def _databases(config: pytest.Config, root: Path, *, worker: bool) -> ResetPlugin | None:
    """Make databases fresh where tests ask for that; a worker of pytest-xdist gets its own at once."""
    if _RESETS not in os.environ:
        return None
    from enctest.session.resetting import ResetPlugin

    plugin = ResetPlugin(os.environ[_RESETS])
    if worker:
        os.environ.update(plugin.own(root))
    plugin.begin()
    config.pluginmanager.register(plugin, "enctest-resets")
    return plugin


def _isolation(config: pytest.Config, worker: str) -> IsolationPlugin | None:
    """Hand out databases, if there are any; a worker of pytest-xdist gets its own, before any conftest."""
    text = os.environ.get(DATABASES)
    if not text:
        return None
    from enctest.databases import own
    from enctest.databases.handout import lent, written
    from enctest.session.isolation import IsolationPlugin

    if worker:
        mine = own.make(lent(text), worker)
        os.environ.update(own.variables(mine))
        text = os.environ[DATABASES] = written(mine)
    isolation = IsolationPlugin(text)
    config.pluginmanager.register(isolation, "enctest-isolation")
    return isolation


def _durations(spool: Spool) -> dict[str, float]:
    try:
        return msgspec.msgpack.decode(spool.durations_file.read_bytes(), type=dict[str, float])
    except FileNotFoundError:
        return {}


def _distributes(config: pytest.Config) -> bool:
    namespace = config.known_args_namespace
    return bool(getattr(namespace, "numprocesses", None) or getattr(namespace, "tx", None))


def _measures_coverage(config: pytest.Config) -> bool:
    """Tell whether pytest-cov measures: its numbers are to be those of the code as it is written."""
    namespace = config.known_args_namespace
    return bool(getattr(namespace, "cov_source", None)) and not getattr(namespace, "no_cov", False)
