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

BAD_PLACES: Final = tuple(place for place, outcome in enumerate(OUTCOMES) if outcome in BAD_OUTCOMES)

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
"""Before a shape without its colour: the code has changed since."""
CONTRADICTED: Final = "≠"
"""Before a shape: a fresh process said otherwise than the warm session."""
MISSED: Final = "?"
"""Before a shape: an audit found another outcome although no change was known to reach the test."""

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

OLD_INKS: Final[dict[str, str]] = {
    **dict.fromkeys(INKS, "faint"),
    **{outcome: "bad-old" for outcome, ink in INKS.items() if ink == "bad"},
}
"""The same where the outcome is of other code than there is now: nothing is green that may not be."""


def is_bad(outcome: str | None) -> bool:
    """Say whether a test that ended like this needs work."""
    return outcome in BAD_OUTCOMES
