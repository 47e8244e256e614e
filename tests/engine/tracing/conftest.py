"""Runs inner pytest sessions with span capture, and a real PostgreSQL for them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.harness import PATIENCE

from enctest.databases.account import server_account, within_reach
from enctest.databases.binaries import found
from enctest.events import Notice, SpanEnded, SpanEvent, SpanStarted
from enctest.tracing.model import Node, Trace, fold

SpanOrNotice = SpanStarted | SpanEvent | SpanEnded | Notice
_HERE = Path(__file__).parent
_NOBODY = 65534


@dataclass
class Result:
    """What an inner session printed and recorded."""

    code: int
    output: str
    records: list[Any]

    @cached_property
    def traces(self) -> dict[str, Trace]:
        return fold(self.records)

    @property
    def trace(self) -> Trace:
        (trace,) = self.traces.values()
        return trace

    def find(self, name: str) -> Node:
        """Return the only span of that name."""
        (node,) = [node for _, node in self.trace.rows() if node.name == name]
        return node

    def names(self) -> list[str]:
        return [node.name for _, node in self.trace.rows()]

    def of_kind(self, kind: str) -> list[Node]:
        return [node for _, node in self.trace.rows() if node.kind == kind]


class Inner:
    """A project in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.spans = root / "spans.jsonl"
        self.environment: dict[str, str] = {}
        (root / "pytest.ini").write_text("[pytest]\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def start(self, *args: str) -> subprocess.Popen[str]:
        environment = {**os.environ, **self.environment, "SPAN_FILE": str(self.spans)}
        environment["PYTHONPATH"] = str(_HERE)
        for name in [name for name in environment if name.startswith("PYTEST_")]:
            del environment[name]
        others = ("no:randomly", "no:cacheprovider", "no:asyncio", "no:django")  # theirs are no spans of ours
        plugins = [word for name in ("driver", *others) for word in ("-p", name)]
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *plugins, "-q", "-W", "error", *args],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def kill(self, process: subprocess.Popen[str]) -> None:
        """End a session and what it started."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)

    def run(self, test: str = "", *args: str, code: int = 0) -> Result:
        """Run `test` as the project's only test file (or what is there), and expect an exit code."""
        if test:
            self.write("test_it.py", test)
        process = self.start(*args)
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, output
        result = Result(process.returncode, output, self.records())
        assert not [record for record in result.records if isinstance(record, Notice)], result.records
        return Result(process.returncode, output, [r for r in result.records if not isinstance(r, Notice)])

    def records(self) -> list[Any]:
        if not self.spans.exists():
            return []
        decoder = msgspec.json.Decoder(SpanOrNotice)
        lines = self.spans.read_bytes().split(b"\n")[:-1]
        return [decoder.decode(line) for line in lines]

    def wait_for(self, predicate: Callable[[], Any]) -> Any:
        return wait_for(predicate)


@pytest.fixture
def inner(tmp_path: Path) -> Inner:
    return Inner(tmp_path)


def wait_for(predicate: Callable[[], Any], timeout: float = PATIENCE) -> Any:
    """Return the first true value of `predicate`."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(0.01)
    pytest.fail(f"still not so after {timeout} seconds: {predicate}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a throw-away PostgreSQL."""
    programs = within_reach(next(found()), server_account()).bin
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user = _NOBODY if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, user, user)
    data = folder / "data"
    initdb = [
        str(programs / "initdb"),
        "-D",
        str(data),
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    subprocess.run(initdb, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")
    options = ["-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
    command = [str(programs / "postgres"), *options]
    server = subprocess.Popen(
        command, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"postgresql://postgres@/postgres?host={folder}"
        wait_for(lambda: _accepts(url))
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE)
        shutil.rmtree(folder)


def _accepts(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
