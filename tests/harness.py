"""What the tests share: throw-away projects, and an explorer watched from outside through `enctest watch`."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

PATIENCE = 150.0
"""Seconds after which waiting for something means that it will not come; generous, since CI is slow."""


def wait_until(what: str, predicate: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Wait until `predicate` returns something true, and return that."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = predicate()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {patience:.0f} s in vain: {what}")


class Sample:
    """A project in a folder of its own, private folders for its sockets and caches included."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.root = folder / "project"
        self.root.mkdir(parents=True)
        self.runtime = Path(tempfile.mkdtemp(prefix="et-"))  # short: it holds sockets
        ours = self.runtime / "cache" / "enctest"
        ours.mkdir(mode=0o700, parents=True)
        (ours / "hints").write_text("3\n")  # of the screen: all have been told
        self.write("pyproject.toml", "[tool.pytest.ini_options]\n")
        for name, text in files.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        """Write a file, dedented, making its folders."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a file; the old text must be there."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    @property
    def env(self) -> dict[str, str]:
        """The environment for commands: sockets and caches apart from the user's."""
        ours = ("PYTEST_", "ENCTEST_", "COLUMNS", "LINES")
        env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        env.pop("TERM", None)
        return env | {"XDG_RUNTIME_DIR": str(self.runtime), "XDG_CACHE_HOME": str(self.runtime / "cache")}

    def enctest(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return subprocess.run(
            [sys.executable, "-P", "-c", "import enctest.cli, sys; sys.exit(enctest.cli.main())", *args],
            cwd=self.root,
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextlib.contextmanager
    def watch(self, *args: str, **env: str) -> Iterator[Watch]:
        """Run `enctest watch` on the project; it is idle for the first time when this yields."""
        watch = Watch(self, args, env)
        try:
            watch.idle()
            yield watch
        finally:
            watch.close()


class Watch:
    """A running `enctest watch`."""

    def __init__(self, sample: Sample, args: tuple[str, ...], env: Mapping[str, str]) -> None:
        self.sample = sample
        self.path = sample.runtime / "events.jsonl"
        self.path.unlink(missing_ok=True)
        self.log = sample.runtime / "watch.log"
        self._seen = 0
        self._offset = 0
        self._events: list[dict[str, Any]] = []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-c", "import enctest.cli, sys; sys.exit(enctest.cli.main())"),
                    *("watch", "--events", str(self.path), *args),
                ],
                cwd=sample.root,
                env=sample.env | dict(env),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def events(self) -> list[dict[str, Any]]:
        """Return everything so far."""
        if self.path.exists():
            with self.path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._offset += len(whole)
            self._events += [json.loads(line) for line in whole.splitlines()]
        return self._events

    def new(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the events since the last `mark`."""
        return [event for event in self.events()[self._seen :] if not kind or event["type"] == kind]

    def mark(self) -> None:
        """Begin a new count of events: call before an edit."""
        self._seen = len(self.events())

    def idle(self, changed: str = "") -> None:
        """Wait until something happened since the mark and all is quiet again.

        Args:
            changed: The file, relative to the project, of which it must have been told that it changed.
        """

        def quiet() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"enctest watch ended: {self.text()}")
            events = _asked_for(self.new())
            if changed:
                events = list(itertools.dropwhile(lambda each: changed not in each.get("paths", ()), events))
            return bool(events) and events[-1]["type"] == "ready"

        try:
            wait_until("the explorer is idle", quiet)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}\n{self.explorer_log()}") from None

    def wait_for(self, kind: str, **fields: object) -> dict[str, Any]:
        """Wait for an event since the mark with these fields."""

        def found() -> dict[str, Any] | None:
            for event in self.new(kind):
                if all(event.get(key) == value for key, value in fields.items()):
                    return event
            return None

        event: dict[str, Any] = wait_until(f"{kind} {fields}", found)
        return event

    def outcomes(self) -> dict[str, str]:
        """Return the outcome of every test that finished since the mark."""
        return {event["test"]: event["outcome"] for event in self.new("test_finished")}

    def edit(self, name: str, old: str, new: str) -> dict[str, str]:
        """Edit a file, wait until all is quiet, return what ran."""
        self.mark()
        self.sample.replace(name, old, new)
        self.idle(name)
        return self.outcomes()

    def text(self) -> str:
        """Return what it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def explorer_log(self) -> str:
        """Return what the explorer printed: its tracebacks, if any."""
        logs = self.sample.runtime.rglob("*.log")
        return "\n".join(log.read_text(errors="replace") for log in logs if log != self.log)

    def close(self) -> None:
        """Interrupt it and wait until it and its explorer are gone."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)
        wait_until("the explorer ends", lambda: not processes_of(self.sample.runtime))


_AT_ANY_TIME = {"audited", "databases", "error", "notice"}
"""Events that idle time brings, or a thread behind the explorer's back, also after `ready`."""


def _asked_for(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what comes without being asked for: also the `ready` of an audit."""
    return [
        event
        for before, event in itertools.pairwise([{"type": ""}, *events])
        if event["type"] not in _AT_ANY_TIME and (before["type"], event["type"]) != ("audited", "ready")
    ]


def _commands() -> Iterator[tuple[int, str]]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if command and int(path.parent.name) != os.getpid():
                yield int(path.parent.name), command


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder."""
    return [command for _, command in _commands() if str(folder) in command]


def pids_of(folder: Path, part: str) -> list[int]:
    """Return the ids of processes whose command line names a folder and holds `part`."""
    return [pid for pid, command in _commands() if str(folder) in command and part in command]


def explorers_of(folder: Path) -> list[int]:
    """Return the ids of a folder's explorers, without the copy that is about to become another program."""
    found = pids_of(folder, "enctest.explorer")
    return [pid for pid in found if _parent_of(pid) not in found]


def _parent_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
