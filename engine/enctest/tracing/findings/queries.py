"""Queries that are asked again and again, where one would do (N+1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from enctest.events.findings import Finding
from enctest.tracing.figures import in_all_ns
from enctest.tracing.findings.scene import Scene, numbers, shown
from enctest.tracing.likeness import key
from enctest.tracing.model import Node, Trace
from enctest.tracing.text import duration

VARIED = 3
"""Equal queries with different arguments, from one line, that are worth a word."""
EQUAL = 5
"""Equal queries with equal arguments, likewise."""
_RANK = 60
_CHUNK = 50
"""Values of a list from which on a query asks for a part of many rows, on purpose."""
_NO_ROWS_OF_ITS_OWN = re.compile(
    r"(?is)\b(?:for\s+(?:no\s+key\s+)?update|for\s+share|offset|pg_\w+|information_schema|nextval|sqlite_\w+)\b"
    r"|\bany\s*\("
)
_LIMIT = re.compile(r"(?is)\blimit\s+(?!1\b)")


@dataclass
class Repetition:
    """Queries that differ in nothing but their arguments, from one line, for one owner."""

    spans: list[Node]
    place: tuple[str, int] | None
    source: Node | None = None

    @property
    def name(self) -> str:
        """What they do."""
        return self.spans[0].name

    @property
    def distinct(self) -> int:
        """How many different arguments there are."""
        return len({_arguments(span) for span in self.spans})


def repeated_queries(scene: Scene, base: Trace | None) -> list[Finding]:
    """Return one finding for each loop of queries; those that go round together are one.

    Args:
        scene: The test.
        base: Its last pass, to tell growth.
    """
    found: dict[tuple[Node, int], list[Repetition]] = {}
    for owner, repetition in _repetitions(scene):
        found.setdefault((owner, len(repetition.spans)), []).append(repetition)
    before = _counts(base.nodes.values()) if base is not None else None
    return [_finding(scene, together, before) for together in found.values()]


def _repetitions(scene: Scene) -> Iterable[tuple[Node, Repetition]]:
    groups: dict[tuple[Node, object, object], list[Node]] = {}
    selects: dict[Node, list[Node]] = {}
    for node in scene.of_kind("db"):
        if not is_select(node):
            continue
        owner = scene.owners[node]
        attributes = node.attributes
        site = f"{attributes.get('code.file.path')}:{attributes.get('code.line.number')}"
        groups.setdefault((owner, key(node), site), []).append(node)
        selects.setdefault(owner, []).append(node)
    for (owner, _, _), spans in groups.items():
        if len(spans) < VARIED or not _asks_for_one(spans[0]):
            continue
        repetition = Repetition(spans, scene.place(spans[0]))
        if repetition.place is None and "code.file.path" in spans[0].attributes:
            continue  # the tests' own
        repetition.source = _source(repetition, selects[owner])
        if _is_a_loop(scene, repetition):
            yield owner, repetition


def _is_a_loop(scene: Scene, repetition: Repetition) -> bool:
    """Tell whether the application repeats itself, rather than the test that calls it."""
    spans = repetition.spans
    site = scene.site(spans[0])
    if site is not None and site.polls:
        return False
    if repetition.distinct == 1 and "db.query.parameters" in spans[0].attributes:
        return len(spans) >= EQUAL and scene.is_one_act(spans[0])
    if repetition.source is not None or (site is not None and site.is_repeated):
        return True
    return scene.is_one_act(spans[0])


def _source(repetition: Repetition, selects: list[Node]) -> Node | None:
    """Return the query whose rows are asked about one by one: it came before, and has as many."""
    first = repetition.spans[0]
    for node in reversed(selects):
        if node.start_ns < first.start_ns and key(node) != key(first):
            rows = node.attributes.get("db.response.returned_rows")
            if isinstance(rows, int) and rows in {len(repetition.spans), repetition.distinct}:
                return node
    return None


def _finding(scene: Scene, together: list[Repetition], before: Counter[object] | None) -> Finding:
    first = together[0]
    spans = sorted((span for each in together for span in each.spans), key=lambda span: span.start_ns)
    count = len(first.spans)
    names = " and ".join(dict.fromkeys(each.name for each in together[:3]))
    source = next((each.source for each in together if each.source is not None), None)
    title = f"{count}x {names}" + (f", once for each row of {source.name}" if source is not None else "")
    was = before[_identity(first.spans[0])] if before is not None else None
    return Finding(
        kind="repeated-query",
        title=title,
        why=_why(scene, first, spans, was),
        spans=numbers(spans),
        place=shown(first.place),
        rank=_RANK + min(20, count) + (15 if was is not None and count > was else 0),
    )


def _why(scene: Scene, first: Repetition, spans: list[Node], was: int | None) -> str:
    root = scene.root
    where = [f"at {shown(first.place)}"] if first.place is not None else []
    within = scene.within(first.spans[0])
    where += [f"within `{within}`"] if within else []
    distinct = first.distinct
    what = f"with {distinct} different arguments" if distinct > 1 else "with the same arguments"
    whole = f" of {duration(root.duration_ns())}" if root is not None else ""
    took = f"They take {duration(in_all_ns(spans))}{whole}"
    remedy = "a join, or one query with all the keys, asks once" if distinct > 1 else "ask once and keep it"
    growth = "" if was is None or was == len(first.spans) else f" At the last pass there were {was}."
    return f"The same query {what}, {' '.join(where)}. {took}; {remedy}.{growth}"


def _counts(nodes: Iterable[Node]) -> Counter[object]:
    return Counter(_identity(node) for node in nodes if node.kind == "db")


def _identity(node: Node) -> object:
    """Return what makes a query the same in two runs: lines may have moved."""
    return key(node), str(node.attributes.get("code.file.path"))


def is_select(node: Node) -> bool:
    """Tell whether a query reads rows, as far as its text says."""
    operation = node.attributes.get("db.operation.name")
    if isinstance(operation, str) and operation:
        return operation.upper() == "SELECT"
    return text_of(node).lstrip(" (").upper().startswith(("SELECT", "WITH"))


def text_of(node: Node) -> str:
    """Return the text of a query; empty when it is not known."""
    text = node.attributes.get("db.query.text") or node.attributes.get("db.statement")
    return text if isinstance(text, str) else ""


def _asks_for_one(node: Node) -> bool:
    """Tell whether a query is one that a join could take in: no locks, pages, chunks or catalogues."""
    text = text_of(node)
    if " from " not in " ".join(text.split()).lower() or _NO_ROWS_OF_ITS_OWN.search(text):
        return False
    parameters = node.attributes.get("db.query.parameters")
    return _LIMIT.search(text) is None and not (isinstance(parameters, list) and len(parameters) >= _CHUNK)


def _arguments(node: Node) -> str:
    """Return a query's arguments, or its text where they are in there."""
    parameters = node.attributes.get("db.query.parameters")
    return str(parameters) if isinstance(parameters, list) else f"{parameters} {text_of(node)}"
