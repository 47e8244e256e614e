"""A pytest plugin that appends every test report to the file named by `OUTCOME_LOG`.

One JSON object per line, `{"test": node id, "when": phase, "outcome": ..., "xfail": bool}`, written with
one system call each, so that several processes can share the file.
"""

from __future__ import annotations

import json
import os

import pytest

_descriptor = os.open(os.environ["OUTCOME_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _append(test: str, when: str, outcome: str, *, xfail: bool = False) -> None:
    line = json.dumps({"test": test, "when": when, "outcome": outcome, "xfail": xfail})
    os.write(_descriptor, f"{line}\n".encode())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Log one phase of a test."""
    _append(report.nodeid, report.when or "call", report.outcome, xfail=hasattr(report, "wasxfail"))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Log a file that could not be collected, or that skips itself."""
    if not report.passed:
        _append(report.nodeid, "collect", report.outcome)
