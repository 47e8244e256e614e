"""Queries that read whole tables which grow: candidates from the trace, judged by the server's plans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from enctest.events.findings import Finding
from enctest.tracing.findings.queries import text_of
from enctest.tracing.findings.scene import Scene, numbers, shown
from enctest.tracing.likeness import key
from enctest.tracing.model import Node

_RANK = 45
_READS = frozenset({"SELECT", "UPDATE", "DELETE"})
_ADDS = frozenset({"INSERT", "COPY", "MERGE"})
_PLACEHOLDER = re.compile(r"'(?:[^']|'')*'|%%|%\((\w+)\)[sbt]|%[sbt]|\$(\d+)")
_CUT = "more characters)"
"""How a text ends that was too long to be recorded whole."""


@dataclass(frozen=True)
class Candidate:
    """A query whose plan is worth a look.

    Attributes:
        namespace: Name of the database.
        table: What it reads, by its name in the trace.
        statement: The query with `$1` and so on in the place of its arguments.
        arguments: How many.
        spans: Where it was asked.
    """

    namespace: str
    table: str
    statement: str
    arguments: int
    spans: tuple[Node, ...]


def candidates(scene: Scene) -> list[Candidate]:
    """Return queries of the application that look for rows by value, in tables that it adds rows to."""
    grows = {_table(node) for node in scene.of_kind("db") if _operation(node) in _ADDS and scene.place(node)}
    found: dict[object, list[Node]] = {}
    for node in scene.of_kind("db"):
        if _operation(node) in _READS and _table(node) in grows and scene.place(node) is not None:
            found.setdefault(key(node), []).append(node)
    return [one for spans in found.values() if (one := _candidate(spans)) is not None]


def _candidate(spans: list[Node]) -> Candidate | None:
    first = spans[0]
    text = text_of(first).strip().rstrip(";")
    if (
        first.attributes.get("db.system.name") != "postgresql"
        or text.endswith(_CUT)
        or first.status == "error"
    ):
        return None
    statement, arguments = numbered(text)
    if not arguments or not re.search(r"(?i)\bwhere\b", statement):
        return None
    namespace = str(first.attributes.get("db.namespace", ""))
    return Candidate(namespace, _table(first), statement, arguments, tuple(spans))


def numbered(text: str) -> tuple[str, int]:
    """Return a query with numbered placeholders, whatever the driver's are, and how many there are."""
    named: dict[str, int] = {}
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        if found[0].startswith("'"):
            return found[0]
        if found[0] == "%%":
            return "%"
        if found[2]:
            count = max(count, int(found[2]))
            return found[0]
        if found[1]:
            if found[1] not in named:
                count += 1
                named[found[1]] = count
            return f"${named[found[1]]}"
        count += 1
        return f"${count}"

    return _PLACEHOLDER.sub(number, text), count


def filtered_by(plan: dict[str, Any], table: str) -> str:
    """Return the condition for which a plan looks at every row of a table; empty where an index does."""
    name = table.rpartition(".")[2].strip('"')
    for node in _nodes(plan):
        looks_at_all = node.get("Node Type") == "Seq Scan" or (
            str(node.get("Node Type", "")).startswith("Index") and "Index Cond" not in node
        )
        condition = str(node.get("Filter", ""))
        if looks_at_all and node.get("Relation Name") == name and "$" in condition:
            return condition
    return ""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stack = [plan]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.get("Plans", ()))


def missing_index(scene: Scene, candidate: Candidate, condition: str) -> Finding:
    """Return what there is to say about a query that no index serves."""
    first = candidate.spans[0]
    place = shown(scene.place(first))
    return Finding(
        kind="missing-index",
        title=f"{first.name} reads every row of {candidate.table}",
        why=(
            f"No index serves {condition}, not even with sequential scans forbidden: the server has to "
            f"look at the whole table, and the application adds rows to it."
        ),
        spans=numbers(candidate.spans),
        place=place,
        rank=_RANK,
    )


def _operation(node: Node) -> str:
    return str(node.attributes.get("db.operation.name", "")).upper()


def _table(node: Node) -> str:
    return str(node.attributes.get("db.collection.name", ""))
