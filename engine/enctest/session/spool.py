"""Plain runs: the same records as a worker's, into files that are read when the run is over.

`enctest` names a folder in `ENCTEST_SPOOL`; the run, and each process that pytest-xdist starts for it,
writes a file of frames there. What a dead process wrote is there as well.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from enctest.events import WorkerEvent
from enctest.session.collecting import CollectionPlugin
from enctest.session.emitter import Emitter
from enctest.session.instruments import Instruments
from enctest.session.job import Job
from enctest.session.report_plugin import ReportPlugin
from enctest.wire import Unpacker

VARIABLE = "ENCTEST_SPOOL"


class Spool(msgspec.Struct, frozen=True, kw_only=True):
    """The value of `ENCTEST_SPOOL`, as JSON.

    Attributes:
        folder: Where the files go.
        owner: Process id of the run; its own children are xdist's workers, anybody else is to stay out.
        root: The folder that recorded paths are relative to.
        state: The folder for caches.
        spans: Capture span trees.
        run: The run's number.
    """

    folder: str
    owner: int
    root: str
    state: str
    spans: bool
    run: int


def arm(config: pytest.Config) -> None:
    """Report this session into a file of the spool, if it is the run itself or an xdist worker of it."""
    spool = msgspec.json.decode(os.environ[VARIABLE], type=Spool)
    is_worker = "PYTEST_XDIST_WORKER" in os.environ and os.getppid() == spool.owner
    if not is_worker and os.getpid() != spool.owner:
        return
    if not is_worker and _distributes(config):
        return  # the controller runs no tests: its workers report
    os.environ.pop(VARIABLE)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(Path(spool.folder) / f"{os.getpid()}.frames", flags, 0o600)
    emitter = Emitter(descriptor)
    emitter.start()
    job = Job(
        run=spool.run,
        stream=spool.run,
        reason="enctest",
        everything=True,
        root=spool.root,
        state=spool.state,
        spans=spool.spans,
        record=not _measures_coverage(config),
    )
    report = ReportPlugin(job, emitter.emit, emitter.flush, adjust=False)
    instruments = Instruments(job, emitter)
    instruments.arm(config)
    config.pluginmanager.register(report, "enctest-report")
    config.pluginmanager.register(CollectionPlugin(job, emitter.emit), "enctest-collection")
    config.pluginmanager.register(_Closer(emitter, report, instruments), "enctest-closer")


class _Closer:
    """Sends what is left when the session is over."""

    def __init__(self, emitter: Emitter, report: ReportPlugin, instruments: Instruments) -> None:
        self._emitter = emitter
        self._report = report
        self._instruments = instruments

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> Generator[None, Any, Any]:
        """After every other plugin."""
        try:
            return (yield)
        finally:
            self._instruments.finish()
            self._report.finish(int(exitstatus))
            self._emitter.close()


def read(folder: Path) -> Iterator[WorkerEvent]:
    """Yield what the processes of a run wrote, one after the other."""
    for path in sorted(folder.glob("*.frames")):
        unpacker: Unpacker[WorkerEvent] = Unpacker(WorkerEvent)
        with path.open("rb") as stream:
            while data := stream.read(2**18):
                yield from unpacker.feed(data)


def _distributes(config: pytest.Config) -> bool:
    namespace = config.known_args_namespace
    return bool(getattr(namespace, "numprocesses", None) or getattr(namespace, "tx", None))


def _measures_coverage(config: pytest.Config) -> bool:
    """Tell whether pytest-cov measures: its numbers are to be those of the code as it is written."""
    namespace = config.known_args_namespace
    return bool(getattr(namespace, "cov_source", None)) and not getattr(namespace, "no_cov", False)
