"""The footer: the keys that matter here, as many as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual import events
from textual.content import Content
from textual.style import Style

from enctest_tui.actions import Where, display, footer
from enctest_tui.widgets.bar import Bar


class KeyLine(Bar):
    """Keys and labels from the registry, by what is focused and what goes on."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__(id="keys")
        self._keys = keys
        self._where: tuple[Where, ...] = ()
        self._labels: dict[str, str] = {}

    def show(self, where: Iterable[Where], labels: Mapping[str, str]) -> None:
        """Show the keys for a place; `labels` replaces labels by action, an empty one hides the action."""
        shown = tuple(where), dict(labels)
        if shown != (self._where, self._labels):
            self._where, self._labels = shown
            self.redraw()

    def words(self) -> Content:
        """Return the line; where there is little room, the actions of the highest rank are left out."""
        labels = self._labels
        actions = [
            action for action in footer(self._where) if self._keys[action.id] and labels.get(action.id, "-")
        ]
        parts: dict[str, Content] = {}
        for action in actions:
            key = display(self._keys[action.id], 1)
            label = labels.get(action.id, action.label)
            text = Content.assemble((key, "bold $text-primary"), (f" {label}", "$foreground 65%"))
            parts[action.id] = text.stylize(Style.from_meta({"action": action.call_from_screen}))
        while parts and sum(part.cell_length + 3 for part in parts.values()) - 3 > self.room:
            lowest = max((action for action in actions if action.id in parts), key=lambda action: action.rank)
            del parts[lowest.id]
        return Content("   ").join(parts.values())

    async def on_click(self, event: events.Click) -> None:
        """Do what was clicked, where the key would."""
        action = event.style.meta.get("action")
        if not action:
            return
        for node in (self.screen.focused or self.screen).ancestors_with_self:
            if "." in action or hasattr(node, f"action_{action.partition('(')[0]}"):
                await self.app.run_action(action, node)
                return
