"""All keys, by group, as the registry and the user's key map have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from enctest_tui.widgets.status import audit_line

_COLUMNS = (("Run", "Look"), ("Move", "Trace"))


class HelpScreen(ModalScreen[None]):
    """Keys and signs; any of the keys that close things closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", "Down"),
        Binding("k,up", "scroll(-1)", "Up"),
        Binding("ctrl+c,ctrl+q", "app.quit", "Quit", priority=True),
    ]

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it

    def __init__(self, keys: Mapping[str, str], audit: Audited | None = None) -> None:
        super().__init__()
        self._keys = keys
        self._audit = audit

    def compose(self) -> ComposeResult:
        """Two columns of groups."""
        with VerticalScroll(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "Esc closes"
            yield Static(_signs(), markup=False)
            if self._audit is not None:
                yield Static(Content.styled(audit_line(self._audit), "$foreground 80%"), markup=False)
            with Horizontal():
                for groups in _COLUMNS:
                    with Vertical():
                        for group in groups:
                            yield Static(self._group(group), markup=False)

    def _group(self, group: str) -> Content:
        lines = [Content.styled(group, "bold $text-accent")]
        lines += [self._line(action) for action in ACTIONS if action.group == group and self._keys[action.id]]
        return Content("\n").join([*lines, Content("")])

    def _line(self, action: Action) -> Content:
        keys = display(self._keys[action.id])
        return Content.assemble(
            (f"{keys:<9}", "bold $text-primary"), (action.help.rstrip("."), "$foreground 80%")
        )

    def action_scroll(self, step: int) -> None:
        """Scroll where the terminal is small."""
        self.query_one("#help", VerticalScroll).scroll_relative(y=3 * step, animate=False)


def _signs() -> Content:
    outcomes = [
        *((SHAPES[outcome], coloured(outcome), outcome) for outcome in OUTCOMES),
        (SHAPES["none"], "$foreground 55%", "not run"),
    ]
    marks = [
        (OUTDATED, COLOURS["outdated"], "outdated: a change has reached it"),
        (CONTRADICTED, COLOURS["warn"], "warm and fresh differ"),
        (MISSED, COLOURS["warn"], "missed by selection"),
    ]
    return Content("\n").join([_legend("Signs", outcomes), _legend("Marks", marks)])


def _legend(title: str, signs: Iterable[tuple[str, str, str]]) -> Content:
    shown = [Content.assemble((sign, style), (f" {text}", "$foreground 80%")) for sign, style, text in signs]
    return Content("  ").join([Content.styled(title, "bold $text-accent"), *shown])
