"""The one vocabulary: frozen records that workers, explorer and front ends exchange.

A record is a tagged `msgspec.Struct`: the tag is its class name in snake case, in the key `type`, so
the same record is a msgpack frame on a socket and a line of JSON in `enctest watch --events`.

Three unions say who speaks: `WorkerEvent` (worker to explorer), `ExplorerEvent` (explorer to front
ends) and `Command` (front end to explorer). Times `t` are seconds since the epoch; `*_ns` are
nanoseconds of the system's monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from enctest.dependencies import DependencyRecord
from enctest.record import Event, Record

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "crashed"]
"""How a test ended. `error` is a failure outside the call phase, or of a file's collection (the node id
is then the file's); `crashed` means the worker died, or was killed, while the test ran."""

BAD_OUTCOMES: frozenset[str] = frozenset({"failed", "error", "crashed"})

SpanKind = Literal["test", "phase", "fixture", "internal", "db", "client", "server", "producer", "consumer"]
"""`test` is the root, `phase` is setup, call or teardown, `db` a query, `client`/`server` HTTP or RPC;
the rest are OpenTelemetry's kinds."""

SpanStatus = Literal["ok", "error", "unset"]

Attributes = dict[str, Any]
"""Attribute values are str, int, float, bool or lists of these, named by the semantic conventions."""


# --- a run, told by its worker -----------------------------------------------------------------------


class TestInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What collection knows of one test; `path` is relative to the root, `line` counts from 1."""

    __test__ = False

    test: str
    path: str
    line: int
    markers: tuple[str, ...] = ()


class FileCollected(Event, frozen=True, kw_only=True):
    """All tests that one file holds now; those it held before and no longer names are gone.

    `complete` is false where the run was told to leave tests of the file out before ids were known.
    """

    run: int
    path: str
    tests: tuple[TestInfo, ...]
    complete: bool = True


class Collected(Event, frozen=True, kw_only=True):
    """The collection of a run is over; `tests` are the node ids it found, in the files it looked at."""

    run: int = 0
    tests: tuple[str, ...]


class RunStarted(Event, frozen=True, kw_only=True):
    """Collection is over and `tests` (node ids, in running order) are about to run."""

    run: int
    tests: tuple[str, ...]
    reason: str


class TestStarted(Event, frozen=True, kw_only=True):
    """A test's setup begins."""

    __test__ = False

    run: int
    test: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of captured output, such as `Captured stdout call`."""

    title: str
    text: str


class TestFinished(Event, frozen=True, kw_only=True):
    """A test's teardown is over, or the worker died in it.

    `message` is one line, `failure` pytest's long representation (plain text), `line` the 1-based line of
    `path` (relative to the root) where it failed.
    """

    __test__ = False

    run: int
    test: str
    outcome: Outcome
    duration_ms: float
    message: str = ""
    failure: str = ""
    sections: tuple[Section, ...] = ()
    path: str = ""
    line: int = 0


class RunFinished(Event, frozen=True, kw_only=True):
    """A run is over; `counts` maps outcomes to numbers. `stopped` is why it ended early, if it did."""

    run: int
    counts: dict[str, int]
    duration_ms: float
    stopped: str = ""
    exit_code: int = 0


class SpanStarted(Event, frozen=True, kw_only=True):
    """A span began. `span` is unique within (run, test); the test's root span is 1, its parent None."""

    run: int
    test: str
    span: int
    parent: int | None
    name: str
    kind: SpanKind
    start_ns: int
    attributes: Attributes = msgspec.field(default_factory=dict)


class SpanEvent(Event, frozen=True, kw_only=True):
    """Something happened within a span: a log record (`name` is `log`), an exception, an OTel event."""

    run: int
    test: str
    span: int
    name: str
    at_ns: int
    attributes: Attributes = msgspec.field(default_factory=dict)


class SpanEnded(Event, frozen=True, kw_only=True):
    """A span ended; `attributes` are those that were set since its start was told."""

    run: int
    test: str
    span: int
    status: SpanStatus
    duration_ms: float
    end_ns: int
    attributes: Attributes = msgspec.field(default_factory=dict)


# --- the explorer's own state -------------------------------------------------------------------------


class TestState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a test when a front end attaches; `outcome` None means never run."""

    __test__ = False

    info: TestInfo
    outcome: Outcome | None = None
    duration_ms: float = 0.0
    message: str = ""
    outdated: bool = False
    running: bool = False


class DatabaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One managed database. `detail` says server and version, or what went wrong."""

    name: str
    state: Literal["off", "starting", "migrating", "ready", "failed"]
    detail: str = ""


class Attached(Event, frozen=True, kw_only=True):
    """First event a front end gets: the folded state of everything before it."""

    root: str
    python: str
    args: tuple[str, ...]
    versions: dict[str, str]
    tests: tuple[TestState, ...]
    databases: tuple[DatabaseStatus, ...] = ()
    paused: bool = False
    run: int = 0
    phase: Literal["starting", "idle", "collecting", "running"] = "starting"


class Phase(Event, frozen=True, kw_only=True):
    """What the explorer does now. `collecting` lasts from a run's start to its `RunStarted`."""

    phase: Literal["starting", "idle", "collecting", "running"]
    run: int = 0


class Ready(Event, frozen=True, kw_only=True):
    """Everything is up to date: idle means that this is the last event."""


class Change(Event, frozen=True, kw_only=True):
    """Files changed in content. `t_saved` is the newest modification time (seconds since the epoch)."""

    paths: tuple[str, ...]
    t_saved: float


class Affected(Event, frozen=True, kw_only=True):
    """A change's effect: tests now outdated, and why (`test` to one sentence)."""

    tests: tuple[str, ...]
    total: int
    reasons: dict[str, str] = msgspec.field(default_factory=dict)


class TestsRemoved(Event, frozen=True, kw_only=True):
    """Tests that no longer exist."""

    __test__ = False

    tests: tuple[str, ...]


class TestRenamed(Event, frozen=True, kw_only=True):
    """A test whose node id changed at collection although nothing else did (a time in a parameter)."""

    __test__ = False

    old: str
    new: str


class Databases(Event, frozen=True, kw_only=True):
    """The state of the managed databases changed."""

    databases: tuple[DatabaseStatus, ...]


class Paused(Event, frozen=True, kw_only=True):
    """Watching was paused or resumed."""

    on: bool


class Settled(Event, frozen=True, kw_only=True):
    """All runs that a save caused are over, `ms` milliseconds after the file was written."""

    ms: float


class Error(Event, frozen=True, kw_only=True):
    """Something a user can put right: what, where, how. The explorer goes on."""

    message: str
    hint: str = ""


class Notice(Event, frozen=True, kw_only=True):
    """Worth a quiet line, not an error."""

    message: str


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stored span; `end_ns` None means it was open when the record was made."""

    span: int
    parent: int | None
    name: str
    kind: SpanKind
    start_ns: int
    end_ns: int | None = None
    status: SpanStatus = "unset"
    attributes: Attributes = msgspec.field(default_factory=dict)
    events: tuple[SpanNote, ...] = ()


class SpanNote(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event of a span."""

    name: str
    at_ns: int
    attributes: Attributes = msgspec.field(default_factory=dict)


class Details(Event, frozen=True, kw_only=True):
    """Answer to `Follow`: the test's last result and trace. Live span events of it follow."""

    test: str
    run: int
    outcome: Outcome | None = None
    running: bool = False
    duration_ms: float = 0.0
    message: str = ""
    failure: str = ""
    sections: tuple[Section, ...] = ()
    path: str = ""
    line: int = 0
    why: str = ""
    spans: tuple[Span, ...] = ()


class DebugReady(Event, frozen=True, kw_only=True):
    """Answer to `Debug`: the command that runs the test in the foreground under pdb."""

    test: str
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str


# --- what front ends ask for ---------------------------------------------------------------------------


class Subscribe(Record, frozen=True, kw_only=True):
    """First command of a front end. `spans`: send the spans of all tests, not only the followed one's."""

    spans: bool = False


class RunTests(Record, frozen=True, kw_only=True):
    """Run these node ids (files and folders are fine), or everything when None."""

    tests: tuple[str, ...] | None = None
    reason: str = "asked"


class RunFailed(Record, frozen=True, kw_only=True):
    """Run what failed last."""


class Stop(Record, frozen=True, kw_only=True):
    """Stop the run; what it had left stays outdated."""


class Pause(Record, frozen=True, kw_only=True):
    """Pause or resume watching."""

    on: bool


class Follow(Record, frozen=True, kw_only=True):
    """Send `Details` of this test, then its live spans; None follows nothing."""

    test: str | None


class Debug(Record, frozen=True, kw_only=True):
    """Prepare a foreground run of this test under pdb."""

    test: str


SpanRecord = SpanStarted | SpanEvent | SpanEnded
WorkerEvent = (
    FileCollected
    | Collected
    | RunStarted
    | TestStarted
    | TestFinished
    | RunFinished
    | TestRenamed
    | SpanRecord
    | DependencyRecord
    | Error
    | Notice
)
ExplorerEvent = (
    FileCollected
    | Collected
    | RunStarted
    | TestStarted
    | TestFinished
    | RunFinished
    | SpanRecord
    | Attached
    | Phase
    | Ready
    | Change
    | Affected
    | TestsRemoved
    | TestRenamed
    | Databases
    | Paused
    | Settled
    | Error
    | Notice
    | Details
    | DebugReady
)
Command = Subscribe | RunTests | RunFailed | Stop | Pause | Follow | Debug
