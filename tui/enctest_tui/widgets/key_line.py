"""The footer: the keys that matter here, as many as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual import events
from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from enctest_tui.actions import Action, Where, display, footer


class KeyLine(Static):
    """Keys and labels from the registry, by what is focused and what goes on."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__(id="keys", markup=False)
        self._keys = keys
        self._shown: object = None

    def show(self, where: Iterable[Where], labels: Mapping[str, str]) -> None:
        """Show the keys for a place; `labels` replaces labels by action, an empty one hides the action."""
        places = tuple(where)
        shown = (places, tuple(labels.items()), self.size.width)
        if shown == self._shown:
            return
        self._shown = shown
        actions = [
            action for action in footer(places) if self._keys[action.id] and labels.get(action.id, "-")
        ]
        self.update(self._line(actions, labels, max(10, self.size.width - 2)))

    def _line(self, actions: list[Action], labels: Mapping[str, str], width: int) -> Content:
        parts: dict[str, Content] = {}
        for action in actions:
            key = display(self._keys[action.id], 1)
            label = labels.get(action.id, action.label)
            text = Content.assemble((key, "bold $text-primary"), (f" {label}", "$foreground 65%"))
            parts[action.id] = text.stylize(Style.from_meta({"action": action.call_from_screen}))
        while parts and sum(part.cell_length + 3 for part in parts.values()) - 3 > width:
            lowest = max((action for action in actions if action.id in parts), key=lambda action: action.rank)
            del parts[lowest.id]
        return Content("   ").join(parts.values())

    async def on_click(self, event: events.Click) -> None:
        """Do what was clicked, where the key would."""
        action = event.style.meta.get("action")
        if action:
            await (self.screen.focused or self.screen).run_action(action)
