"""What a history keeps, as plain structs."""

from __future__ import annotations

import msgspec

from enctest.events import Figures, Outcome, Recent, Span, TestFinished, TestInfo


class StoredTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test as the history knows it.

    `file` is the node id's file, `position` its place in the suite, `key` stands for the state of all that it
    needed when it ran. `figures` are those of its last run, `base` those of its last pass before, `recent`
    its last runs (see `remembered`), the newest last.
    """

    info: TestInfo
    position: int
    file: str
    outcome: Outcome | None = None
    duration_ms: float = 0.0
    message: str = ""
    outdated: bool = True
    run: int = 0
    key: bytes = b""
    figures: Figures | None = None
    base: Figures | None = None
    recent: bytes = b""


def remembered(recent: bytes) -> tuple[Recent, ...]:
    """Return a test's last runs, the newest last; they are stored packed, since few are asked for."""
    return msgspec.msgpack.decode(recent, type=tuple[Recent, ...]) if recent else ()


def with_last(recent: bytes, last: Recent, keep: int) -> bytes:
    """Return a test's last runs with one more, `keep` of them at most."""
    return msgspec.msgpack.encode((*remembered(recent), last)[-keep:])


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A result that is kept beside the present one: its last result and trace go with it, as `number`."""

    number: int
    test: str
    run: int
    data: bytes


class Batch(msgspec.Struct, kw_only=True):
    """What is written in one transaction, in this order.

    Attributes:
        results: Last results, with failure and output.
        traces: Each with the result it explains; kept as the last one, and the last pass.
        left: Results to keep beside, before what follows replaces them.
        removed: Node ids that are gone.
        recalled: Test to the number of the kept result that is its last one again.
        dropped: Numbers of kept results that are not needed any more.
        tests: Their state, outdated flags included.
        dependencies: (kind, key) to data; None deletes.
        meta: Small things by key.
    """

    results: dict[str, TestFinished] = {}
    traces: dict[str, tuple[TestFinished, tuple[Span, ...]]] = {}
    left: list[Left] = []
    removed: list[str] = []
    recalled: dict[str, int] = {}
    dropped: list[int] = []
    tests: dict[str, StoredTest] = {}
    dependencies: dict[tuple[str, str], bytes | None] = {}
    meta: dict[str, object] = {}
