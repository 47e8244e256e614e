"""What watches a session from within: dependency recording and tracing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from enctest.dependencies import BlocksDeclared, ModulesImported
from enctest.selection.pytest_plugin import RecordingPlugin
from enctest.selection.recorder import Recorder
from enctest.selection.records import Records, declaration
from enctest.selection.revision import UnfitError
from enctest.session.emitter import Emitter
from enctest.session.job import Job
from enctest.session.preload import imported_third_party
from enctest.tracing import redaction
from enctest.tracing.capture import Capture
from enctest.tracing.recorder import TraceRecorder


class Instruments:
    """Arms and disarms the recorders of one process.

    Args:
        job: What it runs first.
        emitter: Where records go.
    """

    def __init__(self, job: Job, emitter: Emitter) -> None:
        self._job = job
        self._emitter = emitter
        self._records = Records(job.stream, emitter.emit)
        self._recorder: Recorder | None = None
        self._capture: Capture | None = None
        self._known: frozenset[str] = frozenset()
        self._sets: frozenset[str] = frozenset()

    @property
    def spans(self) -> TraceRecorder | None:
        """Where spans go, once armed; None where they are not recorded."""
        return self._capture.recorder if self._capture is not None else None

    def arm(self, config: pytest.Config) -> None:
        """Install hooks before anything of the project is imported."""
        job, emit = self._job, self._emitter.emit
        self._known = frozenset(sys.modules)
        root = Path(job.root)
        if job.spans:
            redaction.configure(job.redact)
            self._capture = Capture(job.run, emit, root, ambient=job.ambient)
            self._capture.arm(config)
        if job.record:
            self._recorder = Recorder(root, self._records, Path(job.state), given=job.env)
            self._recorder.install()
            config.pluginmanager.register(RecordingPlugin(self._recorder), "enctest-recording")

    def take(self, job: Job) -> None:
        """Go on with another job, in a fork."""
        self._job = job
        if self._capture is not None:
            self._capture.recorder.run = job.run
            redaction.configure(job.redact)
        self._records.run = job.stream
        self.give(job.env)

    def give(self, env: Mapping[str, str]) -> None:
        """Set variables that are ours to set, whatever the user has."""
        if self._recorder is None:
            os.environ.update(env)
        else:
            self._recorder.give(env)

    def collected(self) -> None:
        """Tests are about to run: what is set or imported from now on concerns them alone."""
        if self._recorder is not None:
            self._sets = self._recorder.environment_set
            self._recorder.before_fork()  # of isolated tests
            self._recorder.before_import(None)

    def before_import(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called with the path of each project file that is about to be imported."""
        if self._recorder is not None:
            self._recorder.before_import(callback)

    def before_fork(self) -> str:
        """Make ready for a copy of this process; return why it must not be suspended, empty if it may."""
        if self._recorder is None:
            return ""
        self._recorder.before_fork()
        return "a process was started, and what it read is not known" if self._recorder.opaque else ""

    def revise(self, paths: Iterable[str]) -> list[BlocksDeclared]:
        """Take over what files (relative to the root) say now.

        Raises:
            UnfitError: One has to be imported again; others may be taken over by then.
        """
        if self._recorder is None:
            raise UnfitError("nothing is recorded")
        found = [self._recorder.revise(path) for path in paths]
        run = self._records.run
        return [declaration(run, functions) for functions in found if functions is not None]

    @property
    def declared(self) -> int:
        """How many functions have been numbered."""
        return self._recorder.functions if self._recorder is not None else 0

    def consumed(self, pending: str) -> tuple[Iterable[str], Iterable[str]]:
        """Return the files that were imported, read or listed so far, and the names looked for in vain.

        Args:
            pending: A file that is about to be imported: nothing of it was read yet.
        """
        return self._recorder.consumed(pending) if self._recorder is not None else ((), ())

    def finish(self) -> None:
        """Tell what only the end knows."""
        if self._recorder is not None:
            self._recorder.flush()
        sets = self._sets | self._job.env.keys()
        names = imported_third_party(self._known, Path(self._job.root))
        self._emitter.emit(ModulesImported(run=self._job.run, names=tuple(names), sets=tuple(sorted(sets))))
