"""The one vocabulary: frozen records that workers, explorer and front ends exchange.

A record is a tagged `msgspec.Struct`: the tag is its class name in snake case, in the key `type`, so
the same record is a msgpack frame on a socket and a line of JSON in `enctest watch --events`.

Three unions say who speaks: `WorkerEvent` (worker to explorer), `ExplorerEvent` (explorer to front
ends) and `Command` (front end to explorer). Times `t` are seconds since the epoch; `*_ns` are
nanoseconds of the system's monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

from enctest.dependencies import DependencyRecord
from enctest.events.commands import (
    Command,
    Debug,
    Explain,
    ExplainQuery,
    FindBase,
    FindStacks,
    FindUsers,
    Follow,
    FollowRun,
    Hunt,
    Pause,
    RunFailed,
    RunTests,
    Stop,
    Subscribe,
    TakeRun,
)
from enctest.events.findings import Figures, Finding, FindingKind, Findings, Measured, Recent
from enctest.events.kinds import (
    BAD_OUTCOMES,
    Against,
    Attributes,
    Before,
    DebugHow,
    How,
    Outcome,
    SpanKind,
    SpanStatus,
)
from enctest.events.live import Stack, Stacked
from enctest.events.runs import (
    Collected,
    FileCollected,
    RunFinished,
    RunStarted,
    Section,
    SpanEnded,
    SpanEvent,
    SpanStarted,
    TestFinished,
    TestInfo,
    TestStarted,
)
from enctest.events.state import (
    Affected,
    Attached,
    Audited,
    Base,
    Change,
    Databases,
    DatabaseStatus,
    DebugReady,
    Details,
    Error,
    Explained,
    Hunted,
    IdeWaits,
    Miss,
    Notice,
    Paused,
    Phase,
    Ready,
    Settled,
    Span,
    SpanNote,
    TestRenamed,
    TestsRemoved,
    TestState,
    Use,
    Users,
)

SpanRecord = SpanStarted | SpanEvent | SpanEnded
WorkerEvent = (
    FileCollected
    | Collected
    | RunStarted
    | TestStarted
    | TestFinished
    | RunFinished
    | TestRenamed
    | IdeWaits
    | SpanRecord
    | DependencyRecord
    | Error
    | Notice
    | Stacked
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
    | IdeWaits
    | Explained
    | Hunted
    | Audited
    | Users
    | Base
    | Measured
    | Findings
    | Stacked
)

__all__ = [
    "BAD_OUTCOMES",
    "Affected",
    "Against",
    "Attached",
    "Attributes",
    "Audited",
    "Base",
    "Before",
    "Change",
    "Collected",
    "Command",
    "DatabaseStatus",
    "Databases",
    "Debug",
    "DebugHow",
    "DebugReady",
    "Details",
    "Error",
    "Explain",
    "ExplainQuery",
    "Explained",
    "ExplorerEvent",
    "Figures",
    "FileCollected",
    "FindBase",
    "FindStacks",
    "FindUsers",
    "Finding",
    "FindingKind",
    "Findings",
    "Follow",
    "FollowRun",
    "How",
    "Hunt",
    "Hunted",
    "IdeWaits",
    "Measured",
    "Miss",
    "Notice",
    "Outcome",
    "Pause",
    "Paused",
    "Phase",
    "Ready",
    "Recent",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "RunTests",
    "Section",
    "Settled",
    "Span",
    "SpanEnded",
    "SpanEvent",
    "SpanKind",
    "SpanNote",
    "SpanRecord",
    "SpanStarted",
    "SpanStatus",
    "Stack",
    "Stacked",
    "Stop",
    "Subscribe",
    "TakeRun",
    "TestFinished",
    "TestInfo",
    "TestRenamed",
    "TestStarted",
    "TestState",
    "TestsRemoved",
    "Use",
    "Users",
    "WorkerEvent",
]
