"""What traces and histories give away about a test: figures, and findings."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from enctest.events.kinds import Outcome
from enctest.record import Event

FindingKind = Literal[
    "repeated-query",
    "repeated-request",
    "sequential-awaits",
    "request-in-transaction",
    "connection-churn",
    "missing-index",
    "uncovered-time",
    "slow",
    "flaky",
]
"""What a finding is about; README.md says what each means and from where on it is told."""

FINDING_KINDS: tuple[str, ...] = get_args(FindingKind)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something about a test that is worth a look.

    Attributes:
        title: What, in one line.
        why: By which rule, with figures, in a sentence or two.
        spans: Numbers of the spans it is about, by start.
        place: `file:line` of the project's code, relative to the root; empty when there is none.
        rank: The higher, the more it matters.
    """

    kind: FindingKind
    title: str
    why: str
    spans: tuple[int, ...] = ()
    place: str = ""
    rank: float = 0.0


class Figures(msgspec.Struct, frozen=True, array_like=True):
    """What a test's trace adds up to; times in milliseconds.

    Attributes:
        queries, requests: Database queries, and HTTP requests sent, of the whole test without what fixtures
            did for several tests.
        self_ms: Time of the call phase outside of queries and requests.
        db_ms: Time in queries.
        spans: Spans in all.
        findings: How many things were found.
    """

    queries: int = 0
    requests: int = 0
    self_ms: float = 0.0
    db_ms: float = 0.0
    spans: int = 0
    findings: int = 0


class Recent(msgspec.Struct, frozen=True, array_like=True):
    """One of a test's last runs.

    Attributes:
        alike: The sort of run: how, and a plus for several processes; others are not to be compared with it.
        same_code: No change had reached the test since the run before.
    """

    run: int
    outcome: Outcome
    duration_ms: float
    alike: str = ""
    same_code: bool = False


class Measured(Event, frozen=True, kw_only=True):
    """A finished test's figures, and those of its last pass before (None when there is none)."""

    run: int
    test: str
    figures: Figures
    base: Figures | None = None


class Findings(Event, frozen=True, kw_only=True):
    """Answer to `Explain`: what was found about a test's last run, what matters most first."""

    test: str
    run: int
    findings: tuple[Finding, ...] = ()
