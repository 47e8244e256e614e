"""The signs before a test: a mark for what its outcome is worth, and the outcome's shape."""

from __future__ import annotations

from enctest_tui.node import RUNNING, Node
from enctest_tui.outcomes import CONTRADICTED, INKS, MISSED, OLD_INKS, OUTDATED, SHAPES, SPINNER
from enctest_tui.rows import is_old, rolled_up

Sign = tuple[str, str]
"""A character and the name of its ink."""

FOUND = "◆"
"""Stands before the numbers of a test in whose trace something was found."""


def found_in(test: Node) -> bool:
    """Tell whether something was found in the trace of a test's last run."""
    return test.figures is not None and test.figures.findings > 0 and not test.running


def mark(test: Node) -> Sign:
    """Return what stands before a test's shape: a space when its outcome is simply true."""
    if test.standing == "outdated":
        return OUTDATED, "outdated"
    if test.miss is not None:
        return MISSED, "warn"
    if test.warm is not None:
        return CONTRADICTED, "warn"
    return " ", "plain"


def shape(node: Node, turn: int) -> Sign:
    """Return the shape of a test, or of the worst below a group; `turn` moves the sign of running on."""
    if node.is_test and node.running:
        return SPINNER[turn % len(SPINNER)], "accent"
    if not node.is_test and node.counts[RUNNING]:
        return "◌", "accent"
    outcome = rolled_up(node)
    return SHAPES[outcome], (OLD_INKS if is_old(node) else INKS)[outcome]
