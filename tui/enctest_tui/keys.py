"""The registry's actions as Textual bindings."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from enctest_tui.actions import ACTIONS, Where

_AT_ONCE = frozenset({"quit", "trace-filter"})
"""Actions whose key is not handed to the focused widget first: what is typed next may be there already.

Not `/`, as Textual (8.2) then no longer lets anybody type it into an input.
"""


def bindings(where: Where) -> list[BindingType]:
    """Return the bindings of one kind of list, or of the main screen; ids are what a key map names."""
    return [
        Binding(
            action.keys,
            f"app.{action.call}" if action.group == "Run" else action.call,
            action.label or action.help,
            id=action.id,
            show=False,
            tooltip=action.help,
            priority=action.id in _AT_ONCE,
        )
        for action in ACTIONS
        if action.where == where
    ]
