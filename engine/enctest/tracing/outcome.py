"""What pytest's reports say of a phase, and of a test."""

from __future__ import annotations

from typing import Any, Final

import pytest

from enctest.events import Attributes
from enctest.tracing.values import Ready

_PASSED: Final = Ready.of({"pytest.outcome": "passed"})
_TEST_PASSED: Final = Ready.of({"test.case.result.status": "pass", "pytest.outcome": "passed"})
_STATUS: Final = {"skipped": "skip", "failed": "fail"}


def outcome(report: pytest.TestReport) -> Attributes:
    """Return the attributes of a phase: its outcome, and why it was skipped or expected to fail."""
    if report.passed and not hasattr(report, "wasxfail"):
        return _PASSED
    attributes: Attributes = {"pytest.outcome": report.outcome}
    if hasattr(report, "wasxfail"):
        attributes["pytest.outcome"] = "xfailed" if report.skipped else "xpassed"
        attributes["pytest.reason"] = report.wasxfail
    elif report.skipped and isinstance(report.longrepr, tuple):
        attributes["pytest.reason"] = report.longrepr[2]
    return attributes


def verdict(report: pytest.TestReport, error: BaseException | None, before: Attributes) -> Attributes:
    """Return the attributes of a test that one more report gives it; the first failure stays.

    A failure brings its type and pytest's message, which is the comparison of an assertion (its diff).

    Args:
        report: Of a phase, or of a part of one.
        error: What ended that phase.
        before: What the reports before it gave.
    """
    found = outcome(report)
    if found is _PASSED:
        return before or _TEST_PASSED
    name = str(found["pytest.outcome"])
    attributes = {**found, "test.case.result.status": _STATUS.get(name, "pass")}
    if report.failed:
        crash: Any = getattr(report.longrepr, "reprcrash", None)
        text = str(crash.message) if crash is not None else str(report.longrepr or "")
        attributes["error.type"] = type(error).__qualname__ if error is not None else "failed"
        attributes["pytest.failure"] = text
        attributes["pytest.failed_phase"] = report.when
    return attributes
