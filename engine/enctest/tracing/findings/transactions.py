"""Requests inside open transactions, and connections that are opened again and again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from enctest.events.findings import Finding
from enctest.tracing.figures import in_all_ns
from enctest.tracing.findings.queries import text_of
from enctest.tracing.findings.scene import Scene, is_served_here, numbers, shown
from enctest.tracing.model import CONNECT, Node
from enctest.tracing.text import duration

CONNECTIONS = 4
"""Connections from one line of the application, within one request or call, that are worth a word."""
_WITHIN_RANK, _CHURN_RANK = 55, 40
_BEGIN = re.compile(r"(?i)\s*(?:begin|start\s+transaction)\b")
_END = re.compile(r"(?i)\s*(?:commit|rollback(?!\s+to)|end\b|abort)\b")
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})


@dataclass
class Transaction:
    """From BEGIN, or what began it, to COMMIT or ROLLBACK; requests sent meanwhile."""

    begin: Node
    begin_ns: int
    end_ns: int = 0
    requests: list[Node] = field(default_factory=list)


def requests_in_transactions(scene: Scene) -> list[Finding]:
    """Return one finding for each transaction of the application that waits for an HTTP request.

    Connections cannot be told apart in a trace: where transactions of one database overlap, none counts.
    """
    requests = [node for node in scene.of_kind("client") if not node.is_open and not is_served_here(node)]
    if not requests:
        return []
    found = []
    for transaction in _transactions(scene):
        owner = scene.owners[transaction.begin]
        waits = [
            node
            for node in requests
            if transaction.begin_ns <= node.start_ns < transaction.end_ns and _is_below(node, owner)
        ]
        if waits and scene.place(transaction.begin) is not None:
            found.append(_finding(scene, transaction, waits))
    return found


def _finding(scene: Scene, transaction: Transaction, waits: list[Node]) -> Finding:
    whole, waiting = transaction.end_ns - transaction.begin_ns, in_all_ns(waits)
    share = round(100 * waiting / max(1, whole))
    names = ", ".join(dict.fromkeys(node.name for node in waits))
    place = shown(scene.place(transaction.begin))
    return Finding(
        kind="request-in-transaction",
        title=f"{names} while a transaction is open",
        why=(
            f"The transaction that began at {place} is open for {duration(whole)}, {share} % of that waits "
            f"for HTTP ({duration(waiting)}). Its locks and its connection are held as long as the other "
            f"side takes; ask before it begins or after it ends."
        ),
        spans=numbers([transaction.begin, *waits]),
        place=place,
        rank=_WITHIN_RANK + share / 10,
    )


def _transactions(scene: Scene) -> Iterator[Transaction]:
    """Yield transactions that both began and ended in the call phase."""
    current: dict[object, Transaction] = {}
    doubtful: set[object] = set()
    for at_ns, database, node, what in sorted(_commands(scene), key=lambda each: each[0]):
        known = current.get(database)
        if what == "end":
            if known is not None and database not in doubtful:
                known.end_ns = at_ns
                yield known
            current.pop(database, None)
            doubtful.discard(database)
        elif known is None:
            current[database] = Transaction(node, at_ns)
        elif what == "begin":
            doubtful.add(database)


def _commands(scene: Scene) -> Iterator[tuple[int, object, Node, str]]:
    """Yield (when, database, span, what) of all that begins or ends transactions.

    Drivers that begin them unseen show only the end: then the first writing query counts as begin.
    """
    begins_shown = any(_BEGIN.match(text) for _, text in _texts(scene.of_kind("db")))
    for node, text in _texts(scene.of_kind("db")):
        database = str(node.attributes.get("db.namespace") or node.attributes.get("db.system.name"))
        if _BEGIN.match(text):
            yield node.start_ns, database, node, "begin"
        elif _END.match(text):
            yield node.start_ns + node.duration_ns(), database, node, "end"
        elif not begins_shown and str(node.attributes.get("db.operation.name")) in _WRITES:
            yield node.start_ns, database, node, "write"


def _texts(nodes: Iterable[Node]) -> Iterator[tuple[Node, str]]:
    """Yield queries with their texts, and those of commands that were sent along with them."""
    for node in nodes:
        for note in node.events:
            if note.name == "command":
                yield node, str(note.attributes.get("db.query.text", ""))
        yield node, text_of(node)


def _is_below(node: Node, owner: Node) -> bool:
    above: Node | None = node
    while above is not None:
        if above is owner:
            return True
        above = above.parent
    return False


def connection_churn(scene: Scene) -> list[Finding]:
    """Return one finding for each line that opens one connection after the other for one request or call.

    One for each request that a test makes is how some applications work.
    """
    groups: dict[tuple[Node | None, tuple[str, int]], list[Node]] = {}
    for node in scene.calls:
        place = scene.place(node) if CONNECT in node.attributes else None
        if place is None or node.status == "error":
            continue
        act, site = scene.act(node), scene.site(node)
        if act is not None or (site is not None and site.is_repeated):
            groups.setdefault((act, place), []).append(node)
    return [
        Finding(
            kind="connection-churn",
            title=f"{len(spans)} connections opened at {shown(place)}",
            why=(
                f"One line opens {len(spans)} connections{_within(act)}; that takes "
                f"{duration(in_all_ns(spans))}. A pool, or one connection that is handed on, opens one."
            ),
            spans=numbers(spans),
            place=shown(place),
            rank=_CHURN_RANK + min(10, len(spans)),
        )
        for (act, place), spans in groups.items()
        if len(spans) >= CONNECTIONS
    ]


def _within(act: Node | None) -> str:
    return f" within `{act.name}`" if act is not None else " in a loop"
