"""All keys, by group, as the registry and the user's key map have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from enctest.events import Audited
from enctest_tui.actions import ACTIONS, Action, display
from enctest_tui.outcomes import CONTRADICTED, MISSED, OUTCOMES, OUTDATED, SHAPES
from enctest_tui.widgets.headline import COLOURS, coloured
from enctest_tui.widgets.key_table import KeyTable, Legend
from enctest_tui.widgets.signs import FOUND
from enctest_tui.widgets.status import audit_line

_COLUMNS = (("Run", "Look"), ("Move", "Trace"))
_IN_A_TRACE = (("Trace",), ("Move", "Look", "Run"))
PAIRS = {
    "next-failure": ("previous-failure", "Next, previous failing test"),
    "next-tab": ("previous-tab", "Show the next or previous tab"),
    "up": ("down", "One line up or down"),
    "page-up": ("page-down", "One page up or down"),
    "half-up": ("half-down", "Half a page up or down"),
    "first": ("last", "To the first or last line"),
    "unfold-all": ("fold-all", "Unfold everything, fold all but folders"),
    "scroll-left": ("scroll-right", "Scroll to the left or right"),
    "trace-unfold-all": ("trace-fold-all", "Unfold or fold everything"),
    "trace-level-more": ("trace-level-less", "Show one level more or less"),
    "trace-next-error": ("trace-previous-error", "Next, previous failure or difference"),
    "trace-next-same": ("trace-previous-same", "Next, previous span that does the same"),
    "trace-next-match": ("trace-previous-match", "Next, previous match of the search"),
    "trace-zoom-in": ("trace-zoom-out", "Zoom in on the span, or out"),
    "trace-earlier": ("trace-later", "Show the time before or after"),
    "details-next": ("details-previous", "In the details: next, previous frame"),
}
"""Actions that are the reverse of each other share a line."""


class HelpScreen(ModalScreen[None]):
    """Keys and signs; any of the keys that close things closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q,enter", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", "Down"),
        Binding("k,up", "scroll(-1)", "Up"),
        Binding("ctrl+c,ctrl+q", "app.quit", "Quit", priority=True),
    ]

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it

    def __init__(
        self, keys: Mapping[str, str], audit: Audited | None = None, *, in_a_trace: bool = False
    ) -> None:
        super().__init__()
        self._columns = _IN_A_TRACE if in_a_trace else _COLUMNS
        self._keys = keys
        self._audit = audit

    def compose(self) -> ComposeResult:
        """Signs, then two columns of groups, those that matter here first."""
        with VerticalScroll(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "j k scroll, Esc closes"
            yield from _signs()
            if self._audit is not None:
                yield Static(Content.styled(audit_line(self._audit), "$foreground 80%"), markup=False)
            with Horizontal():
                for groups in self._columns:
                    with Vertical():
                        for group in groups:
                            yield self._group(group)

    def _group(self, group: str) -> KeyTable:
        second = {other for other, _ in PAIRS.values()}
        actions = (action for action in ACTIONS if action.group == group and action.id not in second)
        rows = [row for action in actions if (row := self._row(action)) is not None]
        return KeyTable(rows, keys=10, title=group)

    def _row(self, action: Action) -> tuple[str, str] | None:
        other, text = PAIRS.get(action.id, ("", action.help.rstrip(".")))
        keys = display(self._keys[action.id], 1 if other else 2)
        if other:
            keys = f"{keys} {display(self._keys[other], 1)}".strip()
        return (keys, text) if keys else None

    def action_scroll(self, step: int) -> None:
        """Scroll where the terminal is small."""
        self.query_one("#help", VerticalScroll).scroll_relative(y=3 * step, animate=False)


def _signs() -> Iterator[Legend]:
    outcomes = [
        *((SHAPES[outcome], coloured(outcome), outcome) for outcome in OUTCOMES),
        (SHAPES["none"], "$foreground 55%", "not run"),
    ]
    marks = [
        (OUTDATED, COLOURS["outdated"], "outdated: a change has reached it"),
        (CONTRADICTED, COLOURS["warn"], "warm and fresh differ"),
        (MISSED, COLOURS["warn"], "missed by selection"),
        (FOUND, "$text-accent", "findings"),
    ]
    yield Legend("Signs", outcomes)
    yield Legend("Marks", marks)
