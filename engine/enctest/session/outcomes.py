"""From pytest's reports to one outcome per test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from enctest.events import Outcome, Section

_KEEP = 64 * 1024
_KEEP_FAILURE = 256 * 1024


class Result:
    """Collects the reports of one test; several of a phase (subtests, reruns) are fine."""

    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []

    @property
    def outcome(self) -> Outcome:
        """The outcome so far, the worst of all phases."""
        outcome: Outcome = "passed"
        for report in self.reports:
            if report.outcome == "failed":
                return "failed" if report.when == "call" else "error"
            if report.outcome == "skipped":
                outcome = "xfailed" if hasattr(report, "wasxfail") else "skipped"
            elif hasattr(report, "wasxfail") and report.when == "call":
                outcome = "xpassed"
        return outcome

    @property
    def is_conclusive(self) -> bool:
        """False where the session was interrupted within the test: it has not passed by getting so far."""
        return any(report.when == "teardown" or report.outcome != "passed" for report in self.reports)

    @property
    def duration_ms(self) -> float:
        """Milliseconds in setup, call and teardown, without what shared fixtures took."""
        spent = (report.duration - getattr(report, "enctest_elsewhere", 0) for report in self.reports)
        return sum(spent) * 1000

    @property
    def decisive(self) -> pytest.TestReport | None:
        """The report that explains the outcome."""
        for outcome in ("failed", "skipped"):
            for report in self.reports:
                if report.outcome == outcome:
                    return report
        return None

    def sections(self) -> tuple[Section, ...]:
        """Return what was captured, each piece once, long ones with their middle left out."""
        found = {title: text for report in self.reports for title, text in report.sections}
        return tuple(Section(title=title, text=shorten(text, _KEEP)) for title, text in found.items())


def failure_text(report: pytest.CollectReport | pytest.TestReport | None) -> str:
    """Return pytest's own account of a failure, in plain text."""
    if report is None or report.outcome != "failed":
        return ""
    return shorten(report.longreprtext, _KEEP_FAILURE)


def message(report: pytest.CollectReport | pytest.TestReport | None) -> str:
    """Return one line that says why a test failed or was skipped."""
    if report is None:
        return ""
    longrepr: Any = report.longrepr
    if isinstance(longrepr, tuple):
        return str(longrepr[2]).removeprefix("Skipped: ")
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        return shorten(str(crash.message).split("\n", 1)[0], 500)
    lines = [line for line in str(longrepr or "").splitlines() if line.strip()]
    told = [line[1:].strip() for line in lines if line.startswith("E ")]
    return shorten((told or lines or [""])[-1], 500)


def place(report: pytest.CollectReport | pytest.TestReport | None, root: Path) -> tuple[str, int]:
    """Return the file (relative to the root) and line of the innermost frame in the project, or nothing."""
    longrepr: Any = getattr(report, "longrepr", None)
    entries: Iterable[Any] = getattr(getattr(longrepr, "reprtraceback", None), "reprentries", ())
    found = ("", 0)
    for entry in entries:
        location = getattr(entry, "reprfileloc", None)
        if location is None:
            continue
        path = Path(location.path)
        path = path if path.is_absolute() else Path.cwd() / path
        if path.is_relative_to(root) and "site-packages" not in path.parts:
            found = (path.relative_to(root).as_posix(), int(location.lineno))
    return found


def shorten(text: str, limit: int) -> str:
    """Return `text` with its middle left out, and a note that says so, when it is longer than `limit`."""
    if len(text) <= limit:
        return text
    head, tail = limit // 4, limit - limit // 4
    return f"{text[:head]}\n... {len(text) - limit:,} characters left out ...\n{text[-tail:]}"
