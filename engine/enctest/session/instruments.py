"""What watches a session from within: dependency recording and tracing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from enctest.dependencies import ModulesImported
from enctest.selection.pytest_plugin import RecordingPlugin
from enctest.selection.recorder import Recorder
from enctest.selection.records import Records
from enctest.session.emitter import Emitter
from enctest.session.job import Job
from enctest.session.preload import imported_third_party
from enctest.tracing.capture import Capture


class Instruments:
    """Arms and disarms the recorders of one run.

    Args:
        job: The run.
        emitter: Where records go.
    """

    def __init__(self, job: Job, emitter: Emitter) -> None:
        self._job = job
        self._emitter = emitter
        self._recorder: Recorder | None = None
        self._known: frozenset[str] = frozenset()

    def arm(self, config: pytest.Config) -> None:
        """Install hooks before anything of the project is imported."""
        job, emit = self._job, self._emitter.emit
        self._known = frozenset(sys.modules)
        root = Path(job.root)
        if job.spans:
            Capture(job.run, emit, root).arm(config)
        if job.record:
            self._recorder = Recorder(root, Records(job.run, emit), Path(job.state))
            self._recorder.install()
            config.pluginmanager.register(RecordingPlugin(self._recorder), "enctest-recording")

    def finish(self) -> None:
        """Tell what only the end knows."""
        if self._recorder is not None:
            self._recorder.flush()
        names = imported_third_party(self._known, Path(self._job.root))
        self._emitter.emit(ModulesImported(run=self._job.run, names=tuple(names)))
