"""What a test's own history says: slower than it was, or another outcome without another code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from enctest.events import BAD_OUTCOMES
from enctest.events.findings import Finding, Recent
from enctest.tracing.findings.scene import numbers
from enctest.tracing.likeness import Key, key
from enctest.tracing.model import Node, Trace
from enctest.tracing.text import duration

PASSES = 5
"""Passes of the same sort that are asked; with fewer nothing is said of slowness."""
IN_A_ROW = 2
"""Slow runs one after the other before it is said."""
TIMES, AND_MS, AND_SHARE = 1.5, 5.0, 0.1
"""A test is slow above so many times the longest of these passes, and so many milliseconds more, and by
such a share of the test."""
_UNCOVERED_MS = 1000.0
_UNCOVERED_SHARE = 0.5
"""Time without any span that is worth a word: so long, and such a share of the test."""
_FLAKY_RANK, _SLOW_RANK, _UNCOVERED_RANK = 90, 30, 35
_ELSEWHERE = frozenset({"test", "db", "client"})
_MOST = 3
_PER_MS = 1e6


def is_slow(recent: Sequence[Recent]) -> float | None:
    """Return the longest of the passes before, in milliseconds, if the last runs are slow beside them.

    One slow run is the machine's affair as a rule: it takes two in a row.

    Args:
        recent: The test's last runs, the newest last.
    """
    if not recent or recent[-1].outcome != "passed":
        return None
    alike = recent[-1].alike
    passes = [one.duration_ms for one in recent if one.outcome == "passed" and one.alike == alike]
    if len(passes) < PASSES + IN_A_ROW:
        return None
    longest = max(passes[-PASSES - IN_A_ROW : -IN_A_ROW])
    return longest if all(_exceeds(now, longest) for now in passes[-IN_A_ROW:]) else None


def _exceeds(now_ms: float, longest_ms: float) -> bool:
    more = now_ms - longest_ms
    return now_ms > TIMES * longest_ms and more > max(AND_MS, AND_SHARE * now_ms)


def slow(trace: Trace, recent: Sequence[Recent], base: Trace | None) -> list[Finding]:
    """Say that a test takes longer than in all of its passes before, and where the time went.

    Args:
        trace: The test's last run.
        recent: The test's last runs, the newest last.
        base: Its last pass before.
    """
    longest = is_slow(recent)
    if longest is None:
        return []
    now = recent[-1].duration_ms
    grown = _grown(trace, base) if base is not None else []
    where = ", ".join(f"{nodes[0].name} {duration(round(ns))} more" for ns, nodes in grown)
    return [
        Finding(
            kind="slow",
            title=f"{now / max(longest, 0.001):.1f}x as slow as the slowest of {PASSES} passes before",
            why=(
                f"{duration(round(now * _PER_MS))} against at most {duration(round(longest * _PER_MS))}"
                + (f"; most of it: {where}." if where else ".")
            ),
            spans=numbers([node for _, nodes in grown for node in nodes][:100]),
            rank=_SLOW_RANK + min(10, now / max(longest, 0.001)),
        )
    ]


def _grown(trace: Trace, base: Trace) -> list[tuple[float, list[Node]]]:
    """Return what takes longer than at the last pass, by its own time, the most first."""
    now, before = _own_times(trace), _own_times(base)
    grown = [(ns - before.get(what, (0.0, []))[0], nodes) for what, (ns, nodes) in now.items()]
    return sorted((each for each in grown if each[0] > AND_MS * _PER_MS), key=lambda each: -each[0])[:_MOST]


def _own_times(trace: Trace) -> dict[Key, tuple[float, list[Node]]]:
    times: dict[Key, float] = defaultdict(float)
    nodes: dict[Key, list[Node]] = defaultdict(list)
    for node in trace.nodes.values():
        times[key(node)] += node.self_ns()
        nodes[key(node)].append(node)
    return {what: (times[what], nodes[what]) for what in times}


def flaky(recent: Sequence[Recent]) -> list[Finding]:
    """Say that a test has changed its outcome although no change had reached it."""
    turns = [
        (former, later)
        for former, later in pairwise(recent)
        if later.same_code and (former.outcome in BAD_OUTCOMES) != (later.outcome in BAD_OUTCOMES)
        if {former.outcome, later.outcome}.isdisjoint({"skipped"})
    ]
    if not turns:
        return []
    former, later = turns[-1]
    outcomes = " ".join(one.outcome for one in recent)
    return [
        Finding(
            kind="flaky",
            title=f"{former.outcome}, then {later.outcome}, with the same code",
            why=(
                f"Nothing that the test is known to need changed between run {former.run} and "
                f"run {later.run}. Its last outcomes: {outcomes}."
            ),
            rank=_FLAKY_RANK + len(turns),
        )
    ]


def uncovered_time(trace: Trace) -> list[Finding]:
    """Say that most of a long test passes without any span: a sleep, a wait, or a computation."""
    root = trace.root
    if root is None or root.is_open:
        return []
    whole = root.duration_ns()
    if whole < _UNCOVERED_MS * _PER_MS:
        return []
    quiet = [
        (node.self_ns(), node)
        for node in trace.nodes.values()
        if node.kind not in _ELSEWHERE and not node.is_open and not _is_a_process(node)
    ]
    own = sum(ns for ns, _ in quiet)
    if own < _UNCOVERED_MS * _PER_MS or own < _UNCOVERED_SHARE * whole:
        return []
    most = sorted((each for each in quiet if each[0] > own / 10), key=lambda each: -each[0])[:_MOST]
    where = ", ".join(f"{duration(ns)} in {node.name}" for ns, node in most)
    return [
        Finding(
            kind="uncovered-time",
            title=f"{duration(own)} of {duration(whole)} pass in nothing that is recorded",
            why=(
                f"No query, request or other span covers that time: {where}. A sleep, a wait for a "
                f"thread, or a computation; a fake clock or a shorter pause would make the test quick."
            ),
            spans=numbers(node for _, node in most),
            rank=_UNCOVERED_RANK + 10 * own / whole,
        )
    ]


def _is_a_process(node: Node) -> bool:
    return any(name.startswith("process.") for name in node.attributes)
