"""The focus, moved before the next key is looked at: Textual's own way lets a fast key go astray."""

from __future__ import annotations

from textual.screen import Screen
from textual.widget import Widget


def focus_now(screen: Screen[None], widget: Widget) -> None:
    """Give a widget the focus; one that is still hidden gets it as soon as it is shown."""
    screen.set_focus(widget)
    if screen.focused is not widget:
        widget.focus()
