"""A run's process: takes its job, arms recording and tracing, lets pytest go on, tells the end."""

from __future__ import annotations

import os
import sys

import msgspec
import pytest

from enctest.errors import EnctestError
from enctest.session.emitter import Emitter
from enctest.session.instruments import Instruments
from enctest.session.job import Job
from enctest.session.report_plugin import ReportPlugin


class Worker:
    """One run, from the fork to the exit."""

    def __init__(self, descriptor: int) -> None:
        self._emitter = Emitter(descriptor)
        self._job = _read_job(descriptor)
        self._report: ReportPlugin | None = None
        self._instruments: Instruments | None = None

    def begin(self, config: pytest.Config, args: list[str]) -> None:
        """Arm everything; called where pytest is about to load the first conftests.

        Args:
            config: pytest's configuration so far.
            args: pytest's arguments, changed in place.
        """
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.environ.update(self._job.env)
        self._emitter.start()
        adjust(config, args)
        self._report = ReportPlugin(self._job, self._emitter.emit, self._emitter.flush)
        self._instruments = Instruments(self._job, self._emitter)
        self._instruments.arm(config)
        config.pluginmanager.register(self._report, "enctest-report")

    def end(self, exit_code: int) -> None:
        """Tell that the run is over and send what is left."""
        if self._instruments is not None:
            self._instruments.finish()
        if self._report is not None:
            self._report.finish(exit_code)
        sys.stdout.flush()
        sys.stderr.flush()
        self._emitter.close()


def adjust(config: pytest.Config, args: list[str]) -> None:
    """Undo options that make no sense in one watched process: workers, coverage, stopping early."""
    namespace = config.known_args_namespace
    if config.pluginmanager.hasplugin("xdist"):
        args.append("-n0")
        namespace.numprocesses = 0
    if config.pluginmanager.hasplugin("pytest_cov"):
        args.append("--no-cov")
        namespace.no_cov = True
    args += ["--maxfail=0", "--continue-on-collection-errors"]
    args += ["--no-header", "--no-summary"]  # nobody reads them, and reading versions takes its time


def _read_job(descriptor: int) -> Job:
    """Read one frame, blocking, with plain reads: nothing here may leave a socket object behind."""
    size = int.from_bytes(_read_exactly(descriptor, 4), "big")
    (job,) = msgspec.msgpack.decode(_read_exactly(descriptor, size), type=tuple[Job])
    return job


def _read_exactly(descriptor: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = os.read(descriptor, size - len(data))
        if not chunk:
            raise EnctestError("the explorer went away before it said what to run")
        data += chunk
    return bytes(data)
