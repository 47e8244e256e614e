"""What the explorer and a session host say to each other, and what a worker is told to do."""

from __future__ import annotations

import msgspec

from enctest.record import Record


class KnownTest(msgspec.Struct, frozen=True, array_like=True):
    """A test that was in its file at the last collection, and whether it is to run now."""

    test: str
    run: bool


class Job(Record, frozen=True, kw_only=True):
    """One run, sent to its worker.

    Attributes:
        run: The run's number.
        reason: Why it runs, for people.
        files: Files to collect, relative to pytest's root, each with the tests known in it, in their order;
            tests that are not known run. None collects everything and runs all of it.
        env: Variables to set before any project code is imported.
        root: The folder that recorded paths are relative to.
        state: The folder for caches.
        spans: Capture span trees.
        record: Record dependencies.
    """

    run: int
    reason: str
    files: dict[str, tuple[KnownTest, ...]] | None = None
    env: dict[str, str] = msgspec.field(default_factory=dict)
    root: str
    state: str
    spans: bool = True
    record: bool = True


class Launch(Record, frozen=True, kw_only=True):
    """Explorer to host: fork a worker; its end of the run's socket pair comes with the frame."""

    run: int


class Kill(Record, frozen=True, kw_only=True):
    """Explorer to host: signal a run's process group."""

    run: int
    signal: int


class HostReady(Record, frozen=True, kw_only=True):
    """Host to explorer: pytest is configured and the third-party modules are in.

    Attributes:
        rootdir: pytest's root, which node ids are relative to.
        versions: Python, pytest and plugins.
        files: Files of the project that were imported on the way (plugins named by `-p`); when one
            changes the host has to start anew.
        config_files: What pytest was configured from.
        python_files: pytest's patterns of test files.
        left_out: Modules that were not imported ahead, and why.
    """

    rootdir: str
    versions: dict[str, str]
    files: tuple[str, ...]
    config_files: tuple[str, ...]
    python_files: tuple[str, ...]
    left_out: dict[str, str]


class HostFailed(Record, frozen=True, kw_only=True):
    """Host to explorer: pytest did not take its configuration or its arguments."""

    message: str


class WorkerStarted(Record, frozen=True, kw_only=True):
    """Host to explorer: a run's process id."""

    run: int
    pid: int


class WorkerExited(Record, frozen=True, kw_only=True):
    """Host to explorer: a run's process is gone; `status` is its exit code, or minus the signal."""

    run: int
    status: int


HostCommand = Launch | Kill
HostEvent = HostReady | HostFailed | WorkerStarted | WorkerExited
