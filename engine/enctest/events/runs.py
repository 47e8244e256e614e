"""A run, told by its worker."""

from __future__ import annotations

import msgspec

from enctest.events.kinds import Attributes, Outcome, SpanKind, SpanStatus
from enctest.record import Event


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
    """A test's setup begins, in the worker of this number."""

    __test__ = False

    run: int
    test: str
    worker: int = 0


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of captured output, such as `Captured stdout call`."""

    title: str
    text: str


class TestFinished(Event, frozen=True, kw_only=True):
    """A test's teardown is over, or the worker died in it.

    `message` is one line, `failure` pytest's long representation (plain text), `line` the 1-based line of
    `path` (relative to the root) where it failed. `warm` is what a warm run said, where a fresh process was
    asked as well and said otherwise; `outcome` is the fresh one then.
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
    warm: Outcome | None = None


class RunFinished(Event, frozen=True, kw_only=True):
    """A run is over; `counts` maps outcomes to numbers. `stopped` is why it ended early, if it did.

    A worker, which may be one of several, tells no counts.
    """

    run: int
    counts: dict[str, int] = msgspec.field(default_factory=dict)
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
