"""What the explorer and a session host say to each other, and what a worker is told to do."""

from __future__ import annotations

from typing import Literal

import msgspec

from enctest.dependencies import BlocksDeclared
from enctest.record import Record


class KnownTest(msgspec.Struct, frozen=True, array_like=True):
    """A test that was in its file at the last collection.

    Attributes:
        test: Node id.
        run: It is to run now.
        ms: Milliseconds it took last time; 0 when unknown.
        failed: It failed last time.
    """

    test: str
    run: bool
    ms: float = 0.0
    failed: bool = False


COLLECTION = "collection"
"""The place of a snapshot that has loaded the first conftests and collected nothing."""
COLLECTED = "collected"
"""The place of a snapshot that has collected; any other place is a file, about to be imported."""


class Job(Record, frozen=True, kw_only=True):
    """What a worker is to do, sent to it.

    Attributes:
        run: The run's number.
        stream: Number of the dependency records of this process, unique in an explorer's life.
        reason: Why it runs, for people.
        files: Files to collect, relative to pytest's root, each with the tests known in it, in their order;
            tests that are not known run.
        everything: Collect all files and run all tests; `files` says what is known of them.
        env: Variables to set before any project code is imported.
        root: The folder that recorded paths are relative to.
        state: The folder for caches.
        spans: Capture span trees.
        redact: Regular expressions of what must not be recorded.
        ambient: Tell the processes that tests start where to send their spans.
        record: Record dependencies.
        places: Where to suspend a copy on the way: files before their import, or `COLLECTION`.
        last: Test files to collect after all others, in this order.
        hold: Suspend once collected, running nothing. Where that is not safe: `run` goes on and runs
            the tests, `stop` ends.
        worker, workers: Number (from 0) of this worker, and of all workers of the run: they share a queue.
        isolate: A process for each test.
        order: Run exactly these tests, in this order, whatever plugins make of it; empty leaves it to them.
        nice: How much the process gives way to others.
    """

    run: int
    stream: int = 0
    reason: str
    files: dict[str, tuple[KnownTest, ...]] = msgspec.field(default_factory=dict)
    everything: bool = False
    env: dict[str, str] = msgspec.field(default_factory=dict)
    root: str
    state: str
    spans: bool = True
    redact: tuple[str, ...] = ()
    ambient: bool = True
    record: bool = True
    places: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    hold: Literal["", "run", "stop"] = ""
    stacks: str = ""
    worker: int = 0
    workers: int = 1
    isolate: bool = False
    order: tuple[str, ...] = ()
    nice: int = 0


class Launch(Record, frozen=True, kw_only=True):
    """Explorer to fork point: fork a worker.

    With the frame come the descriptors of the worker's end of a socket pair, of the queue if `queue`, and of
    `controls` control sockets, for the places where it suspends copies of itself, in order.
    """

    stream: int
    queue: bool = False
    controls: int = 0


class AttachIde(Record, frozen=True, kw_only=True):
    """Explorer to worker, while it runs: let an IDE attach, and say where (`IdeWaits`)."""

    test: str


class Kill(Record, frozen=True, kw_only=True):
    """Explorer to fork point: signal a worker's process group."""

    stream: int
    signal: int


class Release(Record, frozen=True, kw_only=True):
    """Explorer to fork point: this child has become a fork point itself; it does not end with its parent."""

    pid: int


class Revise(Record, frozen=True, kw_only=True):
    """Explorer to snapshot: take over what these files (relative to the root) say now; `Revised` answers."""

    paths: tuple[str, ...]


class HostReady(Record, frozen=True, kw_only=True):
    """Host to explorer: pytest is configured and the third-party modules are in.

    Attributes:
        rootdir: pytest's root, which node ids are relative to.
        versions: Python, pytest and plugins.
        files: Files of the project that were imported on the way (plugins named by `-p`); when one
            changes the host has to start anew.
        config_files: What pytest was configured from.
        python_files: pytest's patterns of test files.
        left_out: Modules that must not be imported ahead, and why.
        unsafe: Those of them that this host has imported all the same: another host has to do.
        reads: Environment variables that were read by what was imported ahead, each with a module that did.
    """

    rootdir: str
    versions: dict[str, str]
    files: tuple[str, ...]
    config_files: tuple[str, ...]
    python_files: tuple[str, ...]
    left_out: dict[str, str]
    unsafe: tuple[str, ...] = ()
    reads: dict[str, str] = msgspec.field(default_factory=dict)


class HostFailed(Record, frozen=True, kw_only=True):
    """Host to explorer: pytest did not take its configuration or its arguments."""

    message: str


class SnapshotReady(Record, frozen=True, kw_only=True):
    """Snapshot to explorer: a copy of a worker is suspended and can fork.

    Attributes:
        stream: The worker it was made in.
        depth: How many copies were suspended before it on its way.
        collecting: pytest has begun to collect: it knows which files there are.
        place: A file that it is about to import, `COLLECTION`, or `COLLECTED`.
        pid: Its process id.
        files: Project files that it has imported or read, folders (ending in `/`) that were listed,
            relative to the root.
        absent: Module names that were looked for in vain.
        collected: Test files whose tests it holds, relative to pytest's root.
        declared: How many functions it has numbered: who goes on from it refers to all of them.
    """

    stream: int
    place: str
    pid: int
    depth: int
    collecting: bool
    files: tuple[str, ...]
    absent: tuple[str, ...]
    collected: tuple[str, ...] = ()
    declared: int = 0


class SnapshotRefused(Record, frozen=True, kw_only=True):
    """Worker to explorer: no copy was suspended here, and why; the worker goes on."""

    stream: int
    place: str
    reason: str


class Revised(Record, frozen=True, kw_only=True):
    """Snapshot to explorer: it is as if the files had been imported as they are now, or it cannot be.

    Attributes:
        functions: The numbers of their functions from now on.
        declared: How many functions it has numbered.
        reason: Why not; then nobody may go on from it. Empty if all is well.
    """

    functions: tuple[BlocksDeclared, ...] = ()
    declared: int = 0
    reason: str = ""


class WorkerStarted(Record, frozen=True, kw_only=True):
    """Fork point to explorer: the process that a worker goes on in."""

    stream: int
    pid: int


class WorkerExited(Record, frozen=True, kw_only=True):
    """Fork point to explorer: a worker's process is gone.

    `status` is its exit code, or minus the signal; `output` is what it had written and nobody had read.
    """

    stream: int
    pid: int
    status: int
    output: str = ""


HostCommand = Launch | Kill | Release | Revise
HostEvent = HostReady | HostFailed | SnapshotReady | SnapshotRefused | Revised | WorkerStarted | WorkerExited
