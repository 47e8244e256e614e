"""A run's process: takes its job, arms recording and tracing, suspends copies of itself on the way."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import random
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from enctest.databases import handout, resets
from enctest.errors import EnctestError
from enctest.events import IdeWaits
from enctest.selection.revision import UnfitError
from enctest.session import database_plugins, worker_fixtures
from enctest.session.collecting import CollectionPlugin
from enctest.session.emitter import Emitter
from enctest.session.forking import know_modules, reopen_captures
from enctest.session.forkpoint import ForkPoint, Orders, fork, stay
from enctest.session.hazards import Hazards
from enctest.session.instruments import Instruments
from enctest.session.isolation import IsolationPlugin
from enctest.session.job import (
    COLLECTED,
    COLLECTION,
    AttachIde,
    Job,
    Revise,
    Revised,
    SnapshotReady,
    SnapshotRefused,
)
from enctest.session.looping import LoopPlugin
from enctest.session.preload import is_foreign
from enctest.session.report_plugin import ReportPlugin
from enctest.session.resetting import ResetPlugin
from enctest.session.stacks import StackTeller
from enctest.wire import Unpacker


class Worker:
    """One run, from the fork to the exit; and every copy of it that was suspended, and what those fork.

    Args:
        orders: Descriptors that came with the fork.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self.job = _read_job(orders.socket)
        self._emitter = Emitter(orders.socket)
        self._emitter.hear = self._hear
        root = Path(self.job.root)
        self._hazards = Hazards(lambda path: not is_foreign(path, root))
        self._instruments = Instruments(self.job, self._emitter)
        self._report = ReportPlugin(self.job, self._emitter.emit, self._emitter.flush)
        self._collection = CollectionPlugin(self.job, self._emitter.emit, self)
        self._loop = LoopPlugin(self.job, self._emitter, self._report)
        self._resets = ResetPlugin(self.job.env.get(resets.VARIABLE, ""))
        self._isolation = IsolationPlugin(self.job.env.get(handout.VARIABLE, ""))
        self._config: pytest.Config | None = None
        self._stacks = StackTeller(self._emitter.emit)
        self._depth = 0

    def begin(self, config: pytest.Config, args: list[str]) -> None:
        """Arm everything; called where pytest is about to load the first conftests.

        Args:
            config: pytest's configuration so far.
            args: pytest's arguments, changed in place.
        """
        self._config = config
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.environ.update(self.job.env)
        self._resets.begin()
        self._emitter.lookers.append(self._stacks.look)
        self._emitter.start()
        adjust(config, args)
        self._hazards.install()
        self._instruments.arm(config)
        self._instruments.before_import(self._before_import)
        for name, plugin in (
            ("enctest-report", self._report),
            ("enctest-collection", self._collection),
            ("enctest-loop", self._loop),
            ("enctest-resets", self._resets),
            ("enctest-isolation", self._isolation),
        ):
            config.pluginmanager.register(plugin, name)
        if handout.VARIABLE in self.job.env:
            spans = self._instruments.spans
            logs = database_plugins.register(config, self._isolation, spans, self.job.root)
            if logs is not None:
                self._emitter.lookers.append(logs.look)
        if not config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(worker_fixtures, "enctest-worker-fixtures")
        self._take(self.job)

    def end(self, exit_code: int) -> None:
        """Tell that the run is over and send what is left."""
        self._instruments.finish()
        self._report.finish(exit_code)
        sys.stdout.flush()
        sys.stderr.flush()
        self._emitter.close()

    def _hear(self, data: bytes) -> None:
        """Let an IDE attach, in the middle of a test; called on the emitter's thread."""
        from enctest.session.ide import listen

        for order in Unpacker[AttachIde](AttachIde).feed(data):
            port, problem = listen()
            self._emitter.emit(IdeWaits(test=order.test, port=port, problem=problem))

    # --- suspending ---

    def before_collection(self) -> None:
        """The first conftests are loaded, nothing is collected; pytest captures by now."""
        self._own_outputs()
        if COLLECTION in self.job.places:
            self._suspend(COLLECTION, go_on=True)

    def collected(self) -> None:
        """What the job collects is collected: suspend if it says so, and go on in a child that is told to."""
        hold = self.job.hold
        if not hold:
            self._ready_to_run()
            return
        if self._suspend(COLLECTED, go_on=False):
            self.collected()
        elif hold == "stop":
            self._emitter.close()
            os._exit(0)
        self._ready_to_run()

    def _ready_to_run(self) -> None:
        self._instruments.collected()
        self._hazards.uninstall()

    def _before_import(self, path: str) -> None:
        if path in self.job.places and threading.current_thread() is threading.main_thread():
            self._suspend(path, go_on=True)

    def _suspend(self, place: str, *, go_on: bool) -> bool:
        """Leave a suspended copy of this process here, if that is safe; returns in its children.

        Args:
            place: See `SnapshotReady`.
            go_on: Go on with the job, in a child.
        """
        number = len(self.job.places) if place == COLLECTED else self.job.places.index(place)
        if number >= len(self._orders.controls) or self._orders.controls[number] < 0:
            return False
        point = ForkPoint(self._orders.controls[number])
        self._orders.controls[number] = -1
        unseen = self._instruments.before_fork()
        self._emitter.park()
        reason = self._hazards.reason() or unseen
        if reason:
            point.tell(SnapshotRefused(stream=self.job.stream, place=place, reason=reason))
            point.leave()
            self._emitter.unpark()
            return False
        state = random.getstate() if self._hazards.seeded else None
        self._depth += 1
        know_modules()
        gc.freeze()
        pid = fork() if go_on else -1
        if pid == 0:
            point.leave()
            self._emitter.unpark()
        else:
            self._become_snapshot(point, place, pid)
        if state is not None:  # Python seeds a child anew; what the project seeded stays as it was
            random.setstate(state)
        self._own_outputs()
        return True

    def _own_outputs(self) -> None:
        if self._config is not None:
            reopen_captures(self._config, self._orders.outputs)
        self._orders.close_outputs()

    def _become_snapshot(self, point: ForkPoint, place: str, pid: int) -> None:
        """Wait, as a snapshot; return in a child that was given a job."""
        stay()
        self._emitter.abandon()
        self._orders.socket = -1
        self._orders.close()
        self._orders.close_outputs()
        files, absent = self._instruments.consumed(place)
        point.tell(
            SnapshotReady(
                stream=self.job.stream,
                place=place,
                pid=os.getpid(),
                depth=self._depth,
                collecting=self._collection.begun,
                files=tuple(files),
                absent=tuple(absent),
                collected=tuple(self._collection.files()),
                declared=self._instruments.declared,
            )
        )
        if pid > 0:
            point.adopt(pid, self.job.stream)
        self._orders = point.wait(self._revise if place == COLLECTED else None)
        self.job = _read_job(self._orders.socket)
        self._hazards.accept()
        self._emitter.unpark(self._orders.socket)
        importlib.invalidate_caches()
        self._take(self.job)

    def _revise(self, command: Revise) -> Revised:
        """Take over edits, in a copy that has collected; not where tests stand, whose lines it knows."""
        if any(self._collection.has_tests_of(str(Path(self.job.root, path))) for path in command.paths):
            return Revised(reason="there are tests in it")
        try:
            functions = self._instruments.revise(command.paths)
        except UnfitError as error:
            return Revised(reason=str(error))
        return Revised(functions=tuple(functions), declared=self._instruments.declared)

    def _take(self, job: Job) -> None:
        """Let everybody know of the job."""
        self._instruments.take(job)
        if job.nice:
            os.nice(job.nice)
        if self._config is not None and job.workers > 1:
            self._config.workerinput = _workerinput(self._config, job)  # type: ignore[attr-defined]
        self._report.take(job)
        self._stacks.take(job)
        self._collection.take(job)
        self._isolation.take(job.env.get(handout.VARIABLE, ""))
        self._loop.take(job, self._orders.queue)
        self._resets.take(job.env.get(resets.VARIABLE, ""))


def _workerinput(config: pytest.Config, job: Job) -> dict[str, object]:
    """Return what pytest-xdist's workers have under this name, for suites that look at it."""
    return {
        "workerid": job.env["PYTEST_XDIST_WORKER"],
        "workercount": job.workers,
        "testrunuid": job.env["PYTEST_XDIST_TESTRUNUID"],
        "mainargv": [str(arg) for arg in config.invocation_params.args],
    }


def adjust(config: pytest.Config, args: list[str]) -> None:
    """Undo options that make no sense in a watched process: workers, coverage, stopping early."""
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
    with contextlib.suppress(EnctestError):
        size = int.from_bytes(_read_exactly(descriptor, 4), "big")
        (job,) = msgspec.msgpack.decode(_read_exactly(descriptor, size), type=tuple[Job])
        return job
    os._exit(1)  # nobody is left who could be told


def _read_exactly(descriptor: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = os.read(descriptor, size - len(data))
        if not chunk:
            raise EnctestError("the explorer went away before it said what to run")
        data += chunk
    return bytes(data)
