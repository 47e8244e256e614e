"""What stands above the test list while it has columns, or another order than the suite's."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from enctest_tui.widgets.test_tree import TestTreeView


class ColumnHead(Widget):
    """The names of the columns, each above its own; the one that sorts stands out."""

    def __init__(self, tests: TestTreeView) -> None:
        super().__init__(id="columns")
        self._tests = tests

    def refresh_head(self) -> None:
        """Appear, disappear, or follow the list."""
        tests = self._tests
        self.set_class(tests.all_columns or tests.rows.order != "suite", "-shown")
        self.refresh()

    def render(self) -> Content:
        """Draw them."""
        tests = self._tests
        width = tests.scrollable_content_region.width or self.size.width
        order = tests.rows.order
        names = [
            (
                f"{column.title:>{column.width}}",
                "$text-accent" if column.order == order else "$foreground 45%",
            )
            for column in tests.columns(width)
        ]
        by = "" if order == "suite" else f" most {order} first"
        room = width - sum(len(text) for text, _ in names) - 2
        return Content.assemble((f"{by[:room]:<{room}}", "$foreground 45%"), *names, "  ")
