"""The registry's actions as Textual bindings."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from enctest_tui.actions import ACTIONS, Where


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
            priority=action.id == "quit",
        )
        for action in ACTIONS
        if action.where == where
    ]
