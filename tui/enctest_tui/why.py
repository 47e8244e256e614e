"""Why a test ran, or did not: what the lines below its name say, from what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from enctest.events import Hunted
from enctest_tui.facts import Details, Status
from enctest_tui.node import Node
from enctest_tui.outcomes import CONTRADICTED, MISSED, OUTDATED
from enctest_tui.text import one_line, plural

Reason = tuple[str, str, str]
"""A sign, the name of its ink, and a sentence in which names stand in backticks."""


def reasons(node: Node, details: Details, status: Status, hunted: Hunted | None) -> Iterator[Reason]:
    """Yield what there is to say of a test, what matters most first; `hunted` is its hunt's end."""
    if node.miss is not None:
        miss = node.miss
        told = f": {one_line(miss.message)}" if miss.message else ""
        yield MISSED, "warn", f"selection missed it: {miss.before} before, {miss.after} in an audit{told}"
    if node.warm is not None and node.outcome is not None:
        yield CONTRADICTED, "warn", _contradiction(node)
    if status.hunt is not None and status.is_hunting and status.hunt.test == node.id:
        yield "◎", "accent", progress(status.hunt)
    elif hunted is not None:
        yield "◎", "warn" if hunted.state == "found" else "dim", result(hunted)
    if details.test == node.id:
        yield from _selection(node, details, status)


def _selection(node: Node, details: Details, status: Status) -> Iterator[Reason]:
    why = one_line(details.why)
    match node.standing:
        case "running":
            yield from [(" ", "dim", f"runs: {why}")] if why else []
        case "outdated":
            yield OUTDATED, "outdated", f"outdated: {why or 'a change has reached it since it ran'}"
        case "new":
            yield " ", "dim", f"has not run yet{': ' if why else ''}{why}"
        case "fresh" if why and node.id in status.selected:
            yield " ", "dim", f"ran: {why}"
        case "fresh" if node.bad:
            yield " ", "dim", f"fails: it runs with every change until it passes{_before(why)}"
        case "fresh" if details.known:
            yield " ", "dim", f"{_not_selected(details, status)}{_before(why)}"


def _not_selected(details: Details, status: Status) -> str:
    since = f"since run {details.run}" if details.run else "since it ran"
    if not status.changed:
        return f"nothing it needs has changed {since}"
    more = f" +{len(status.changed) - 1}" if len(status.changed) > 1 else ""
    saved = f"`{PurePath(status.changed[0]).name}`{more}"
    return f"not selected by {saved}: nothing it needs has changed {since}"


def _before(why: str) -> str:
    return f"; reached before: {why}" if why else ""


def caveats(node: Node, hunted: Hunted | None) -> Iterator[Reason]:
    """Yield what has to be known before a test's failure or output is read."""
    if node.standing == "outdated":
        yield OUTDATED, "outdated", "a change has reached this test since; it has not run again yet"
    if node.warm is not None and node.outcome is not None:
        yield CONTRADICTED, "warn", _contradiction(node)
    if hunted is not None and hunted.polluters:
        yield "◎", "warn", f"Enter goes to {short(hunted.polluters[0])}, after which it fails"


def _contradiction(node: Node) -> str:
    return f"{node.warm} in the warm session, {node.outcome} in a fresh process"


def progress(hunt: Hunted) -> str:
    """Return how far a hunt is."""
    left = f", {plural(hunt.left, 'suspect')} left" if hunt.left else ""
    tries = f"{hunt.tries} {'try' if hunt.tries == 1 else 'tries'}"
    return f"hunting for the test it fails after: {tries}{left}"


def result(hunt: Hunted) -> str:
    """Return how a hunt ended."""
    if hunt.state == "found":
        together = " together" if len(hunt.polluters) > 1 else ""
        names = " and ".join(f"`{test}`" for test in hunt.polluters)
        return f"fails after {names}{together}; passes alone"
    told = one_line(hunt.message)
    if hunt.state == "stopped":
        return f"the hunt was stopped{': ' if told else ''}{told}"
    return told or "no test was found after which it fails"


def brief(hunt: Hunted) -> str:
    """Return how far a hunt is or how it ended, with short names, for one line."""
    name = short(hunt.test)
    if hunt.state == "hunting":
        return f"{name}: {progress(hunt)}"
    if hunt.state == "found":
        return f"{name} fails after {' and '.join(short(test) for test in hunt.polluters)}"
    return f"{name}: {result(hunt)}"


def short(test: str) -> str:
    """Return the last name of a node id, with its parameters."""
    head, bracket, parameters = test.partition("[")
    return head.rpartition("::")[2] + bracket + parameters
