"""What the screen shows besides the tree of tests: plain records that the model fills."""

from __future__ import annotations

from dataclasses import dataclass, field

from enctest import events as ev


@dataclass(slots=True)
class Run:
    """Progress of one run; `done` counts tests, `counts` maps outcomes to numbers."""

    run: int
    total: int = 0
    done: int = 0
    reason: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    duration_ms: float = 0.0
    stopped: str = ""
    is_over: bool = False


@dataclass(slots=True)
class Status:
    """What the status lines say.

    Attributes:
        settled_ms: Milliseconds from the last save to its last result.
        selected: The tests that the last save reached.
        hunt: The hunt that goes on, or ended since the last save.
        audit: What audits have measured.
    """

    root: str = ""
    python: str = ""
    args: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    databases: tuple[ev.DatabaseStatus, ...] = ()
    phase: str = "starting"
    paused: bool = False
    is_ready: bool = False
    changed: tuple[str, ...] = ()
    selected: frozenset[str] = frozenset()
    affected: int | None = None
    affected_of: int = 0
    settled_ms: float | None = None
    run: Run | None = None
    notice: str = ""
    hunt: ev.Hunted | None = None
    audit: ev.Audited | None = None

    @property
    def is_hunting(self) -> bool:
        """Whether a hunt goes on."""
        return self.hunt is not None and self.hunt.state == "hunting"


@dataclass(slots=True)
class Details:
    """What is known of the followed test, `run` included, its last; `known`: the explorer has answered."""

    test: str = ""
    known: bool = False
    run: int = 0
    outcome: ev.Outcome | None = None
    running: bool = False
    duration_ms: float = 0.0
    message: str = ""
    failure: str = ""
    sections: tuple[ev.Section, ...] = ()
    path: str = ""
    line: int = 0
    why: str = ""
