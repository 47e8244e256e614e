"""The way to the explorer: the one place that knows how it is started and joined."""

from __future__ import annotations

import os
from collections.abc import Sequence

from enctest.explorer.client import Feed, connect, spawn
from enctest.paths import Project

_OF_A_TAB = ("TEXTUAL", "TERM_PROGRAM", "COLUMNS", "ROWS")
"""Beginnings of the variables that textual-serve sets for an app in a browser: tests are not to see them."""


def is_in_a_browser() -> bool:
    """Tell whether this app is one that textual-serve shows in a browser."""
    return "web_driver" in os.environ.get("TEXTUAL_DRIVER", "")


def environment_without_tab() -> dict[str, str] | None:
    """Return what an explorer is to be started with; None means this process's own environment."""
    if not is_in_a_browser():
        return None
    return {name: value for name, value in os.environ.items() if not name.startswith(_OF_A_TAB)}


class Link:
    """Starts the explorer of a project at once, so that it warms up while Textual is imported.

    Attributes:
        words: The arguments of an `enctest-tui` that joins the same explorer.
    """

    def __init__(self, project: Project, args: Sequence[str], python: str) -> None:
        self.project = project
        self._handle = spawn(project, args, python, environment_without_tab())
        self.words = [*(["--python", python] if python else []), "--", *args]

    async def open(self) -> Feed:
        """Join the explorer, which is started again when it has gone.

        Raises:
            EnctestError: It did not start.
        """
        return await connect(self._handle)
