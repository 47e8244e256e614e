"""HTTP requests that were sent twice, or one after the other where they could have gone together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from enctest.events.findings import Finding, FindingKind
from enctest.tracing.figures import in_all_ns
from enctest.tracing.findings.scene import Scene, is_served_here, numbers, shown
from enctest.tracing.model import Node
from enctest.tracing.text import duration

IN_A_LOOP = 3
"""Requests that a loop awaits one by one that are worth a word."""
_TWICE_RANK, _SEQUENCE_RANK = 50, 40
_SAFE = frozenset({"GET", "HEAD"})
_FAILED = 400  # HTTP status


def repeated_requests(scene: Scene) -> list[Finding]:
    """Return one finding for each resource that was fetched more than once while one thing was done.

    A request that failed may be tried again, and what a `while` loop asks waits for something.
    """
    groups: dict[tuple[Node | None, str], list[Node]] = {}
    for node in _fetches(scene):
        groups.setdefault((scene.act(node), _what(node)), []).append(node)
    found = []
    for (act, what), spans in groups.items():
        sites = [scene.site(span) for span in spans]
        if len(spans) < 2 or any(site is not None and site.polls for site in sites):  # noqa: PLR2004 - twice
            continue
        if act is None and not any(site is not None and site.is_repeated for site in sites):
            continue
        places = dict.fromkeys(shown(scene.place(span)) for span in spans)
        within = f" within `{act.name}`" if act is not None else ""
        why = (
            f"The same request{within}, from {' and '.join(places)}; each succeeded. They take "
            f"{duration(in_all_ns(spans))}; the first answer could be kept."
        )
        title = f"{len(spans)}x {what}"
        found.append(_finding("repeated-request", title, why, spans, scene, _TWICE_RANK))
    return found


def sequential_awaits(scene: Scene) -> list[Finding]:
    """Return one finding for each row of requests that coroutines await one by one without need.

    That is a loop over something that fetches one resource each time, or assignments that follow each
    other in one block, of which none uses what those before it have made.
    """
    runs: dict[Node, list[Node]] = {}
    for node in _fetches(scene):
        site = scene.site(node)
        if site is not None and site.is_async and not site.polls:
            runs.setdefault(scene.owners[node], []).append(node)
    found: list[Finding] = []
    for nodes in runs.values():
        for run in _one_by_one(nodes):
            found += _in_a_loop(scene, run)
            found += _in_a_block(scene, run)
    return found


def _one_by_one(nodes: list[Node]) -> Iterator[list[Node]]:
    """Yield runs of requests that do not overlap."""
    run: list[Node] = []
    for node in sorted(nodes, key=lambda node: node.start_ns):
        if run and node.start_ns < run[-1].start_ns + run[-1].duration_ns():
            yield run
            run = []
        run.append(node)
    yield run


def _in_a_loop(scene: Scene, run: list[Node]) -> Iterator[Finding]:
    groups: dict[tuple[str, int] | None, list[Node]] = {}
    for node in run:
        groups.setdefault(scene.place(node), []).append(node)
    for place, spans in groups.items():
        site = scene.site(spans[0])
        paths = {_what(span).partition("?")[0] for span in spans}
        if len(spans) < IN_A_LOOP or len(paths) < len(spans) or site is None or not site.is_repeated:
            continue  # pages of one resource differ in their query string only: each needs the one before
        why = (
            f"The loop at {shown(place)} awaits one request before it sends the next, although each is for "
            f"another resource. {_gain(spans)} if they went together (asyncio.gather, a task group)."
        )
        title = f"{len(spans)} requests one after the other: {spans[0].name}"
        yield _finding("sequential-awaits", title, why, spans, scene, _SEQUENCE_RANK)


def _in_a_block(scene: Scene, run: list[Node]) -> Iterator[Finding]:
    chain: list[Node] = []
    for node in [*run, None]:
        if node is not None and (not chain or _is_independent(scene, chain, node)):
            chain.append(node)
            continue
        if len(chain) > 1:
            places = " and ".join(dict.fromkeys(shown(scene.place(span)) for span in chain))
            why = (
                f"{places} stand in one block, and none needs what another has fetched. {_gain(chain)} if "
                f"they went together (asyncio.gather, a task group)."
            )
            title = f"{len(chain)} requests one after the other: " + ", ".join(
                span.name for span in chain[:3]
            )
            yield _finding("sequential-awaits", title, why, chain, scene, _SEQUENCE_RANK)
        chain = [] if node is None else [node]


def _is_independent(scene: Scene, before: Sequence[Node], node: Node) -> bool:
    sites = [scene.site(each) for each in before]
    last = scene.site(node)
    return last is not None and all(site is not None and site.awaited_before(last) for site in sites)


def _gain(spans: list[Node]) -> str:
    """Say how long spans take, and the longest of them."""
    longest = max(span.duration_ns() for span in spans)
    return f"They take {duration(in_all_ns(spans))}, and would take about {duration(longest)}"


def _fetches(scene: Scene) -> Iterator[Node]:
    """Yield requests that read, succeeded, and went from the application's code to somebody else."""
    for node in scene.of_kind("client"):
        status = node.attributes.get("http.response.status_code")
        failed = node.status == "error" or (isinstance(status, int) and status >= _FAILED)
        method = node.attributes.get("http.request.method") or node.attributes.get("http.method")
        if failed or node.is_open or str(method) not in _SAFE or not _what(node):
            continue
        if scene.place(node) is not None and not is_served_here(node):
            yield node


def _what(node: Node) -> str:
    attributes = node.attributes
    method = attributes.get("http.request.method") or attributes.get("http.method")
    url = attributes.get("url.full") or attributes.get("http.url")
    return f"{method} {url}" if isinstance(url, str) and url else ""


def _finding(
    kind: FindingKind, title: str, why: str, spans: Sequence[Node], scene: Scene, rank: float
) -> Finding:
    in_order = sorted(spans, key=lambda span: span.start_ns)
    return Finding(
        kind=kind,
        title=title,
        why=why,
        spans=numbers(in_order),
        place=shown(scene.place(in_order[0])),
        rank=rank + min(10, len(spans)),
    )
