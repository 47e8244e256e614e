"""What watches the databases of a session that has some: their server's log, and connections left open."""

from __future__ import annotations

from pathlib import Path

import pytest

from enctest.session.isolation import IsolationPlugin
from enctest.session.leaks import LeaksPlugin
from enctest.session.opened import Openings
from enctest.session.server_logs import ServerLogPlugin
from enctest.session.server_watch import ServerWatchPlugin
from enctest.tracing.callsite import Frames
from enctest.tracing.recorder import TraceRecorder


def register(
    config: pytest.Config, isolation: IsolationPlugin, recorder: TraceRecorder | None, root: str
) -> ServerLogPlugin | None:
    """Register the plugins; returns the one that can look at the log at any time.

    Args:
        config: The session's.
        isolation: Knows the databases.
        recorder: Where spans go; None where they are not recorded.
        root: The project's root.
    """
    config.pluginmanager.register(ServerWatchPlugin(isolation, Path(root)), "enctest-server-watch")
    openings = Openings(recorder.frames if recorder is not None else Frames(root))
    openings.arm()
    config.pluginmanager.register(LeaksPlugin(openings, isolation.databases, recorder), "enctest-leaks")
    if recorder is None:
        return None
    logs = ServerLogPlugin(recorder, isolation.names)
    config.pluginmanager.register(logs, "enctest-server-logs")
    return logs
