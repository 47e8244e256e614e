"""What the first few starts tell, one thing each; then nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from enctest.paths import cache_folder
from enctest_tui.actions import display

_FILE: Final = "hints"
_HINTS: Final = (
    "{next-failure} goes to the next failing test, {choose} opens what a test did, {help} shows all keys.",
    "{edit} opens the line in your editor, {filter} filters, {part-help} explains what has the focus.",
    "{used-by} turns the tests round: by the function they run. {palette} finds any action by name.",
)


def take(keys: Mapping[str, str], folder: Path | None = None) -> str:
    """Return the hint of this start, and remember that it was shown; empty when all were.

    Args:
        keys: Of each action.
        folder: Where it is remembered: your cache folder unless given.
    """
    try:
        path = (folder or cache_folder()) / _FILE
        shown = int(path.read_text(encoding="ascii")) if path.exists() else 0
        if not 0 <= shown < len(_HINTS):
            return ""
        path.write_text(f"{shown + 1}\n", encoding="ascii")
    except (OSError, ValueError):
        return ""  # what cannot be remembered would be told for ever
    return _HINTS[shown].format_map({name: display(each, 1) for name, each in keys.items()})
