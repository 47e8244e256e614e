"""Everything that captures spans in one process, armed and disarmed together."""

from __future__ import annotations

import os

import pytest

from enctest.tracing.hooks import Instrumentation
from enctest.tracing.otlp.inbox import Inbox
from enctest.tracing.otlp.receiver import Receiver
from enctest.tracing.pytest_plugin import TracingPlugin
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan
from enctest.tracing.steps import Emit


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
        self._receiver: Receiver | None = None
        if ambient:
            self._receiver = Receiver(Inbox(self.recorder), self.recorder.complain)
            self.recorder.before_end = self._receiver.settle
            self.recorder.variables = self._variables
        self.plugin = TracingPlugin(self.recorder)
        self.instrumentation = Instrumentation(self.recorder)

    def arm(self, config: pytest.Config) -> None:
        """Instrument libraries, also those that are imported later, and watch the session."""
        self.instrumentation.arm()
        config.pluginmanager.register(self.plugin, "enctest-tracing")
        config.add_cleanup(self.close)

    def disarm(self) -> None:
        """Put every library back as it was."""
        self.instrumentation.disarm()
        self.close()

    def close(self) -> None:
        """Stop to receive spans of other processes."""
        if self._receiver is not None:
            self._receiver.close()

    def _variables(self, span: OpenSpan) -> dict[str, str]:
        """Return what the environment of a process is to hold that a span starts."""
        if self._receiver is None:
            return {}
        self.recorder.listening = True
        parent, mark = self._receiver.inbox.process(span)
        return {**self._receiver.address(mark), "TRACEPARENT": parent}
