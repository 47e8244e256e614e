"""F1: what the focused part of the screen shows, and the keys that count there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Static

from enctest_tui.actions import ACTIONS, Where, display
from enctest_tui.screens.help import HelpScreen
from enctest_tui.widgets.key_table import KeyTable
from enctest_tui.widgets.line_view import LineView

PARTS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "tests": (
        "Tests",
        """Folders, files and tests with their last outcome. Grey with a ring is outdated: a change has
        reached it since it ran. Enter opens what a test did.""",
        ("run", "run-all", "run-failed", "next-failure", "filter", "used-by", "edit", "debug"),
    ),
    "users": (
        "Tests by function",
        """The tree turned round: files, their functions, and below each function the tests that ran it.
        Enter goes to a test.""",
        ("run", "used-by", "edit"),
    ),
    "spans": (
        "Trace",
        """What the test did, as spans: phases, fixtures, queries, requests, log records. A bar stands where
        its span began and is as long as it took; equal neighbours are one line. Enter shows all of
        one.""",
        ("trace", "filter", "edit"),
    ),
    "differences": (
        "Comparison",
        """This run and an earlier one, or another test's last one, as one tree: + is new, - is missing, ~ has
        changed. Lines where nothing is different are folded.""",
        ("trace",),
    ),
    "span-details": (
        "Details of a span",
        """Attributes, events and stack of the span that is selected. A click on a file and line opens it.""",
        ("back", "edit"),
    ),
    "failure": (
        "Failure",
        """What pytest says of the failure. The cursor stands at the reason; in a stack frame, the key to edit
        opens that frame's line, and so does a click on a file and line.""",
        ("edit", "debug", "run"),
    ),
    "output": ("Output", "What the test printed and logged, as pytest captured it.", ("run",)),
    "source": (
        "Source",
        "The file of the test, or the line that failed. The key to edit opens the line at the cursor.",
        ("edit", "used-by"),
    ),
    "filter": (
        "Filter",
        """Words of a node id; is:failed, is:outdated, mark:slow and the like choose by state and marker.
        Enter keeps them.""",
        (),
    ),
    "users-filter": ("Filter", "Words of a file's path and a function's name. Enter keeps them.", ()),
    "search": ("Search", "Words of a span's name or attributes. Enter keeps them.", ()),
}
"""By the id of a widget: title, what it is, and the actions of the whole app that matter there."""


def part_of(focused: DOMNode | None) -> str:
    """Return the id of the part that a widget is or is in; the tests when there is none."""
    for node in focused.ancestors_with_self if focused is not None else ():
        if node.id in PARTS:
            return str(node.id)
    return "tests"


class PartHelp(HelpScreen):
    """Help for one part."""

    def __init__(self, keys: Mapping[str, str], part: str, where: tuple[Where, ...]) -> None:
        super().__init__(keys)
        self._part = part
        self._where = where

    def compose(self) -> ComposeResult:
        """What it is, its own keys, then those of the app that matter there."""
        title, said, actions = PARTS[self._part]
        own = [action for where in self._where for action in ACTIONS if action.where == where]
        more = [action for action in ACTIONS if action.id in actions]
        with VerticalScroll(id="help") as box:
            box.border_title = title
            box.border_subtitle = "Esc closes"
            yield Static(f"{' '.join(said.split())}\n", markup=False)
            shown = [action for action in (*more, *own) if self._keys[action.id]]
            rows = [(display(self._keys[action.id]), action.help.rstrip(".")) for action in shown]
            yield KeyTable(rows, keys=9)
            everything = display(self._keys["help"], 1)
            yield Static(Content.styled(f"{everything} shows all keys.", "$foreground 65%"), markup=False)


def open_part_help(screen: Screen[object], keys: Mapping[str, str]) -> None:
    """Show the help for what has the focus."""
    focused = screen.focused
    where: tuple[Where, ...] = (focused.KIND, "list") if isinstance(focused, LineView) else ()
    screen.app.push_screen(PartHelp(keys, part_of(focused), where))
