"""What front ends ask for."""

from __future__ import annotations

from enctest.events.kinds import Against, DebugHow, How
from enctest.record import Record


class Subscribe(Record, frozen=True, kw_only=True):
    """First command of a front end. `spans`: send the spans of all tests, not only the followed one's."""

    spans: bool = False


class RunTests(Record, frozen=True, kw_only=True):
    """Run these node ids (files and folders are fine), or everything when None."""

    tests: tuple[str, ...] | None = None
    reason: str = "asked"
    how: How = "warm"


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
    """Prepare a run of this test under a debugger; `ide` attaches to the one that goes on already."""

    test: str
    how: DebugHow = "failure"


class Hunt(Record, frozen=True, kw_only=True):
    """Find the test after which this one fails, although it passes alone; `Stop` ends the hunt."""

    test: str


class FindUsers(Record, frozen=True, kw_only=True):
    """The test tree turned round: who needs this file, or runs this function of it; None lists files."""

    path: str | None = None
    function: str | None = None


class FindBase(Record, frozen=True, kw_only=True):
    """What this test's trace, as of `run`, is to be compared with; `other` names another test."""

    test: str
    run: int
    against: Against = "pass"
    other: str = ""


class FollowRun(Record, frozen=True, kw_only=True):
    """A plain run has begun and writes into this folder: show what comes."""

    folder: str


class Explain(Record, frozen=True, kw_only=True):
    """What this test's trace, as of `run`, and its earlier runs give away; `Findings` answers."""

    test: str
    run: int


class FindStacks(Record, frozen=True, kw_only=True):
    """Where this test, which runs now, is; `Stacked` answers."""

    test: str


class ExplainQuery(Record, frozen=True, kw_only=True):
    """Explain a query of this test's trace, on the database that the test has left if it failed.

    Attributes:
        test: Whose trace.
        run: Of which run; comes back with the answer.
        span: Which span; comes back with the answer.
        query: One statement, with its arguments filled in.
        namespace: Name of the database that it was sent to.
    """

    test: str
    run: int
    span: int
    query: str
    namespace: str = ""


class TakeRun(Record, frozen=True, kw_only=True):
    """Take the results of a plain run from the files it left in this folder, which is the explorer's then."""

    folder: str


Command = (
    Subscribe
    | RunTests
    | RunFailed
    | Stop
    | Pause
    | Follow
    | Debug
    | Hunt
    | FindUsers
    | FindBase
    | FollowRun
    | Explain
    | FindStacks
    | ExplainQuery
    | TakeRun
)
