"""Lets `enctest watch` run a suite for the first time, and reads the outcomes from its events."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.benchmarks.outcomes import Result, environment
from tests.benchmarks.suites import Prepared


def watch(prepared: Prepared, *, timeout: float = 240) -> Result:
    """Forget the suite's history, start `enctest watch` on it and end it when all is quiet.

    Raises:
        subprocess.TimeoutExpired: It was not quiet within `timeout` seconds.
    """
    shutil.rmtree(prepared.root / ".enctest", ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="watched-") as folder:
        events, output = Path(folder) / "events", Path(folder) / "output"
        command = [str(prepared.bin / "enctest"), "watch", "--events", str(events), *prepared.suite.arguments]
        started = time.perf_counter()
        with output.open("wb") as file:
            process = subprocess.Popen(
                command,
                cwd=prepared.root,
                env=environment(prepared, Path(folder) / "log"),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            while process.poll() is None and not _quiet(events):
                if time.perf_counter() - started > timeout:
                    raise subprocess.TimeoutExpired(command, timeout)
                time.sleep(0.1)
            seconds = time.perf_counter() - started
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
        finally:
            process.kill()
        return Result(_outcomes(events), process.returncode, seconds, output.read_text(errors="replace"))


def _quiet(events: Path) -> bool:
    if not events.exists():
        return False
    lines = events.read_bytes().splitlines()
    return bool(lines) and b'"type":"ready"' in lines[-1].replace(b" ", b"")


def _outcomes(events: Path) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    if events.exists():
        for line in events.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["type"] == "test_finished":
                outcomes[event["test"]] = event["outcome"]
    return outcomes
