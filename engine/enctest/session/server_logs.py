"""The pytest plugin that tells a test's trace what the database server logs about the test's databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import pytest

from enctest.databases.server_log import Entry, LogReader
from enctest.tracing.recorder import TraceRecorder

_ENDED = "57P01"
"""Said of a session that was ended from outside, as we do with what earlier tests have left."""
_LEVELS = {"LOG": "INFO", "FATAL": "CRITICAL", "PANIC": "CRITICAL"}
"""Python's names of the severities that PostgreSQL has other names for."""


class ServerLogPlugin:
    """Reads the servers' logs around each phase of a test, and whenever `look` is called meanwhile.

    Args:
        recorder: Where the running test's spans go.
        names: Returns what the running test's databases are called on their servers, each with the name
            that was declared, by log.
    """

    def __init__(self, recorder: TraceRecorder, names: Callable[[], Mapping[str, Mapping[str, str]]]) -> None:
        self._recorder = recorder
        self._names = names
        self._readers: dict[str, LogReader] = {}
        self._mutex = Lock()
        self._runs = False

    @pytest.hookimpl
    def pytest_runtest_setup(self) -> None:
        """Leave out what earlier tests have caused; the databases are this test's by now."""
        with self._mutex:
            known, self._readers = self._readers, {}
            for log in self._names():
                self._readers[log] = known.get(log) or LogReader(log)
                self._readers[log].skip()
            self._runs = bool(self._readers)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[object]) -> None:
        """Tell what was said during a phase, before its span ends."""
        self.look()
        if call.when == "teardown":
            self._runs = False

    def look(self) -> None:
        """Tell what was said since the last look; from any thread, and cheap if that is nothing."""
        if not self._runs:
            return
        with self._mutex:
            for log, reader in self._readers.items():
                if entries := reader.read():
                    self._tell_all(entries, self._names().get(log, {}))

    def _tell_all(self, entries: Sequence[Entry], names: Mapping[str, str]) -> None:
        for entry in entries:
            declared = names.get(entry.database)
            if declared is not None and entry.sqlstate != _ENDED:
                self._tell(declared, entry)

    def _tell(self, database: str, entry: Entry) -> None:
        attributes: dict[str, object] = {
            "log.level": _LEVELS.get(entry.severity, entry.severity),
            "log.logger": f"postgresql.{database}",
            "log.message": entry.message,
            "db.system.name": "postgresql",
            "db.namespace": database,
            "enctest.server.pid": entry.pid,
        }
        if entry.sqlstate != "00000":
            attributes["db.response.status_code"] = entry.sqlstate
        for name, text in entry.details.items():
            attributes["db.query.text" if name == "STATEMENT" else f"postgresql.{name.lower()}"] = text
        span = self._recorder.innermost
        if span is not None:
            at_ns = max(span.start_ns, span.trace.ns(entry.at))
            self._recorder.note(span, "log", at_ns, attributes)
