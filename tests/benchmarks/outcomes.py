"""Runs a command on a suite and reads how every test ended, from reports that a plugin of ours logs."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from tests.benchmarks.suites import Prepared

PLUGINS = Path(__file__).resolve().parent / "plugins"


class Report(TypedDict):
    """A line of the log: one phase of one test."""

    test: str
    when: str
    outcome: str
    xfail: bool


@dataclass(frozen=True)
class Result:
    """What a run did: outcome by node id, exit code, seconds, and what it printed."""

    outcomes: dict[str, str]
    exit_code: int
    seconds: float
    output: str

    @property
    def summary(self) -> str:
        """Outcomes and their numbers, such as `478 passed, 2 skipped`."""
        counts = Counter(self.outcomes.values())
        return ", ".join(f"{number} {outcome}" for outcome, number in counts.most_common()) or "no tests"


def run(
    prepared: Prepared,
    command: list[str],
    *,
    timeout: float = 240,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """Run `command` with the suite's arguments in its folder and environment; `variables` are added to that.

    Raises:
        subprocess.TimeoutExpired: It took longer than `timeout` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="outcomes-") as folder:
        log = Path(folder) / "log"
        started = time.perf_counter()
        done = subprocess.run(
            [*command, "-p", "outcome_log", *prepared.suite.arguments],
            cwd=prepared.root,
            env=environment(prepared, log) | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        seconds = time.perf_counter() - started
        return Result(read(log), done.returncode, seconds, done.stdout)


def environment(prepared: Prepared, log: Path) -> dict[str, str]:
    """Return the variables of a run: the environment is active, nothing of ours leaks into it."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "VIRTUAL_"))
    }
    variables["VIRTUAL_ENV"] = str(prepared.bin.parent)
    variables["PATH"] = f"{prepared.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    variables["PYTHONPATH"] = os.pathsep.join(map(str, [*prepared.sources, PLUGINS]))
    variables["OUTCOME_LOG"] = str(log)
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def read(log: Path) -> dict[str, str]:
    """Fold a log into one outcome per node id; no log, no outcomes."""
    if not log.exists():
        return {}
    outcomes: dict[str, str] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        report: Report = json.loads(line)
        now = outcome_of(report)
        if now != "passed" or report["when"] == "call":
            before = outcomes.get(report["test"], "passed")
            # A teardown can turn a pass or a skip into an error; a failed call stays a failure.
            if before in {"passed", "skipped"} or now == "failed":
                outcomes[report["test"]] = now
    return outcomes


def outcome_of(report: Report) -> str:
    """Return what one phase says in the words of pytest's summary."""
    outcome = report["outcome"]
    if report["xfail"]:
        return "xfailed" if outcome == "skipped" else "xpassed"
    if outcome == "failed" and report["when"] != "call":
        return "error"
    return outcome
