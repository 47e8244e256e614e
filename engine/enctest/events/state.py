"""The explorer's own state, told to front ends."""

from __future__ import annotations

from typing import Literal

import msgspec

from enctest.events.findings import Figures
from enctest.events.kinds import Against, Attributes, Outcome, SpanKind, SpanStatus
from enctest.events.runs import Section, TestInfo
from enctest.record import Event


class TestState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a test when a front end attaches.

    `outcome` None means never run; `warm` is as in `TestFinished`; `figures` and `base` as in `Measured`.
    """

    __test__ = False

    info: TestInfo
    outcome: Outcome | None = None
    duration_ms: float = 0.0
    message: str = ""
    outdated: bool = False
    running: bool = False
    warm: Outcome | None = None
    figures: Figures | None = None
    base: Figures | None = None


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
    """A change's effect: tests now outdated, and why (`test` to one sentence).

    Among `tests` are files that could not be collected, by their path; `total` counts only tests.
    `known` are tests that need exactly what they needed at an earlier time: their result of then, as told
    here, is true again, and they do not run.
    """

    tests: tuple[str, ...]
    total: int
    reasons: dict[str, str] = msgspec.field(default_factory=dict)
    known: tuple[TestState, ...] = ()


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


class Hunted(Event, frozen=True, kw_only=True):
    """How far the hunt for a test's polluter is, after each try.

    `found` names in `polluters` the tests (node ids, one unless only several together do it) after which
    `test` fails; `nothing` means that no such test was found, `message` says why. `left` are the suspects.
    """

    test: str
    state: Literal["hunting", "found", "nothing", "stopped"]
    polluters: tuple[str, ...] = ()
    tries: int = 0
    left: int = 0
    message: str = ""


class Miss(msgspec.Struct, frozen=True, kw_only=True):
    """A test that selection left out although its outcome had changed, and what is done about it."""

    test: str
    before: Outcome
    after: Outcome
    message: str = ""


class Audited(Event, frozen=True, kw_only=True):
    """What idle-time audits have measured since the history began.

    `sampled` left-out tests were run again; `recall` is the share of changed outcomes that had been
    selected (1.0 when nothing was missed), `rate` the mean share of the suite that a change selected
    (None before the first change).
    `misses` are those of the last audit.
    """

    sampled: int
    recall: float
    rate: float | None
    misses: tuple[Miss, ...] = ()


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A source file, or one function of it, and how many tests need it.

    `name` is a path relative to the root, or a function's qualified name; `line` counts from 1 (0: unknown).
    """

    name: str
    tests: int
    line: int = 0


class Users(Event, frozen=True, kw_only=True):
    """Answer to `FindUsers`: the files (path None), a file's functions, or a function's tests.

    `tests` are node ids: of all tests that need the file, or in which the function ran.
    """

    path: str | None
    function: str | None = None
    uses: tuple[Use, ...] = ()
    tests: tuple[str, ...] = ()


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


class Base(Event, frozen=True, kw_only=True):
    """Answer to `FindBase`: an earlier trace, or another test's; `base_run` 0 means that there is none."""

    test: str
    run: int
    against: Against
    other: str = ""
    base_run: int = 0
    spans: tuple[Span, ...] = ()


class Explained(Event, frozen=True, kw_only=True):
    """Answer to `Explain`: what the server says, line by line.

    Attributes:
        plan: The plan with its measured times; empty when there is none.
        database: Which database it was, in words.
        problem: Why there is no plan; else empty.
    """

    test: str
    run: int
    span: int
    plan: tuple[str, ...] = ()
    database: str = ""
    problem: str = ""


class DebugReady(Event, frozen=True, kw_only=True):
    """Answer to `Debug`: the command that runs the test in the foreground under a debugger."""

    test: str
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str


class IdeWaits(Event, frozen=True, kw_only=True):
    """Answer to `Debug` in an IDE: a port of 127.0.0.1 where debugpy waits for it, or 0 and why not.

    Attributes:
        from_start: Whether it stops at the test's first line, too.
    """

    test: str
    port: int = 0
    problem: str = ""
    from_start: bool = False
