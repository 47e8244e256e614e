"""The strip of tabs: Trace, Failure, Output, Source."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.content import Content
from textual.style import Style

from enctest_tui.widgets.bar import Bar

TABS: Final = ("trace", "failure", "output", "source")


class TabStrip(Bar):
    """One line of titles; the open one stands out, and marks say where there is something to see."""

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self.active = TABS[0]
        self._marks: dict[str, Content] = {}

    def open(self, tab: str) -> None:
        """Show which tab is open."""
        self.active = tab
        self.redraw()

    def mark(self, marks: dict[str, Content]) -> None:
        """Put a mark behind titles."""
        self._marks = marks
        self.redraw()

    def words(self) -> Content:
        """Return the line."""
        parts: list[Content] = []
        for tab in TABS:
            style = "bold $foreground underline" if tab == self.active else "$foreground 55%"
            title = Content.styled(tab.capitalize(), style).stylize(Style.from_meta({"tab": tab}))
            parts += [Content("  "), title, self._marks.get(tab, Content(""))]
        return Content.assemble(*parts)

    async def on_click(self, event: events.Click) -> None:
        """Open the tab that was clicked."""
        tab = event.style.meta.get("tab")
        if tab:
            await self.screen.run_action(f"tab('{tab}')")
