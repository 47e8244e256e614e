"""Everything that captures spans in one process, armed and disarmed together."""

from __future__ import annotations

import os

import pytest

from enctest.tracing.hooks import Instrumentation
from enctest.tracing.pytest_plugin import TracingPlugin
from enctest.tracing.recorder import Emit, TraceRecorder


class Capture:
    """The spans of one run.

    Args:
        run: Number of the run.
        emit: Takes records, or functions that make one when it is sent; cheap and thread-safe.
        root: The project's root, for call sites (default: the current folder).
        ambient: Tell the processes that tests start where to send their spans.
    """

    def __init__(
        self, run: int, emit: Emit, root: str | os.PathLike[str] | None = None, *, ambient: bool = True
    ) -> None:
        self.recorder = TraceRecorder(run, emit, root)
        self.ambient = ambient
        self.plugin = TracingPlugin(self.recorder)
        self.instrumentation = Instrumentation(self.recorder)

    def arm(self, config: pytest.Config) -> None:
        """Instrument libraries, also those that are imported later, and watch the session."""
        self.instrumentation.arm()
        config.pluginmanager.register(self.plugin, "enctest-tracing")

    def disarm(self) -> None:
        """Put every library back as it was."""
        self.instrumentation.disarm()
