"""The strip of tabs: Trace, Failure, Output, Source."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widgets import Static

TABS: Final = ("trace", "failure", "output", "source")


class TabStrip(Static):
    """One line of titles; the open one stands out, and marks say where there is something to see."""

    active: reactive[str] = reactive(TABS[0], init=False)

    def __init__(self) -> None:
        super().__init__(id="tabs", markup=False)
        self._marks: dict[str, Content] = {}

    def on_mount(self) -> None:
        """Draw for the first time."""
        self._draw()

    def watch_active(self) -> None:
        """Draw the other tab as open."""
        self._draw()

    def mark(self, marks: dict[str, Content]) -> None:
        """Put a mark behind titles."""
        if marks != self._marks:
            self._marks = marks
            self._draw()

    def _draw(self) -> None:
        parts: list[Content] = []
        for tab in TABS:
            style = "bold $foreground underline" if tab == self.active else "$foreground 55%"
            title = Content.styled(tab.capitalize(), style).stylize(Style.from_meta({"tab": tab}))
            parts += [Content("  "), title, self._marks.get(tab, Content(""))]
        self.update(Content.assemble(*parts))

    async def on_click(self, event: events.Click) -> None:
        """Open the tab that was clicked."""
        tab = event.style.meta.get("tab")
        if tab:
            await self.screen.run_action(f"tab('{tab}')")
