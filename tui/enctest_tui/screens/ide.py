"""Where debugpy waits for an IDE, and what to tell the IDE."""

from __future__ import annotations

import json
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from enctest.events import IdeWaits

_HOST = "127.0.0.1"


def launch_configuration(port: int) -> str:
    """Return what goes into `configurations` of VS Code's launch.json."""
    configuration = {
        "name": "enctest",
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": _HOST, "port": port},
    }
    return json.dumps(configuration, indent=2)


class IdeScreen(ModalScreen[None]):
    """Stays until it is closed; the test goes on waiting, or running, all the same."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close"),
        Binding("y", "copy", "Copy"),
        Binding("ctrl+c,ctrl+q", "app.quit", "Quit", priority=True),
    ]

    def __init__(self, waits: IdeWaits) -> None:
        super().__init__()
        self._waits = waits

    def compose(self) -> ComposeResult:
        """Where, what to paste, and how to go on."""
        with VerticalScroll(id="ide") as box:
            box.border_title = "Debug in an IDE"
            box.border_subtitle = "y copies, Esc closes"
            yield Static(self._text(), markup=False)

    def _text(self) -> Content:
        quiet = "$foreground 70%"
        return Content("\n").join(
            [
                Content.assemble((self._waits.test, "bold")),
                Content.assemble(
                    "debugpy waits at ", (f"{_HOST}:{self._waits.port}", "bold $text-accent"), "."
                ),
                Content(""),
                Content.styled("VS Code: paste this into configurations of .vscode/launch.json,", quiet),
                Content.styled("choose enctest under Run and Debug, press F5.", quiet),
                Content(launch_configuration(self._waits.port)),
                Content(""),
                Content.styled(f"It stops {self._stops}.", quiet),
            ]
        )

    @property
    def _stops(self) -> str:
        if self._waits.from_start:
            return "at the test's first line, at breakpoints and where the test fails"
        return "at breakpoints and where the test fails"

    def action_copy(self) -> None:
        """Put the configuration on the clipboard, where the terminal has one."""
        self.app.copy_to_clipboard(launch_configuration(self._waits.port))
        self.notify("copied", markup=False, timeout=2)
