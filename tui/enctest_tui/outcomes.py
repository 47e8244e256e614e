"""How outcomes look: a shape for each, so that colour is never the only difference."""

from __future__ import annotations

from typing import Final

from enctest.events import BAD_OUTCOMES, Outcome

OUTCOMES: Final[tuple[Outcome, ...]] = (
    "passed",
    "failed",
    "error",
    "crashed",
    "skipped",
    "xfailed",
    "xpassed",
)

SHAPES: Final[dict[str, str]] = {
    "passed": "✓",
    "failed": "✗",
    "error": "!",
    "crashed": "†",
    "skipped": "-",
    "xfailed": "x",
    "xpassed": "+",
    "none": "·",
}
"""One cell each; `none` is a test that never ran."""

OUTDATED: Final = "○"
"""Instead of the shape, in the colour of the last outcome: the code has changed since."""

SPINNER: Final = "◐◓◑◒"

INKS: Final[dict[str, str]] = {
    "passed": "good",
    "failed": "bad",
    "error": "bad",
    "crashed": "bad",
    "skipped": "dim",
    "xfailed": "dim",
    "xpassed": "warn",
    "none": "dim",
}
"""Outcome to the name of an ink, see `widgets.line_view`."""


def is_bad(outcome: str | None) -> bool:
    """Say whether a test that ended like this needs work."""
    return outcome in BAD_OUTCOMES
