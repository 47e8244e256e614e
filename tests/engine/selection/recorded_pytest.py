"""Run pytest in this process with a recorder, as a session's worker does, and write its records to a file.

Usage: recorded_pytest.py ROOT STATE RECORDS RUN [PYTEST ARGS]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from enctest.record import Record
from enctest.selection import rewriting
from enctest.selection.pytest_plugin import RecordingPlugin
from enctest.selection.recorder import Recorder
from enctest.selection.records import Records
from enctest.wire import pack


class Start:
    """Starts to record where a session does: after configuration, before the first conftest."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Generator[None, Any, Any]:
        self._recorder.install()
        early_config.pluginmanager.register(RecordingPlugin(self._recorder))
        return (yield)


def main(root: str, state: str, out: str, run: str, *args: str) -> int:
    if "WITHOUT_REWRITER" in os.environ:
        rewriting.PARTS = (*rewriting.PARTS, "a part that no pytest has")
    records: list[Record] = []
    recorder = Recorder(Path(root), Records(int(run), records.append), Path(state))
    sys.path.remove(str(Path(__file__).parent))
    code = int(pytest.main(list(args), plugins=[Start(recorder)]))
    recorder.flush()
    recorder.uninstall()
    Path(out).write_bytes(pack(records))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
