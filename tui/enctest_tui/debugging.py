"""Debugging the selected test: in this terminal, or in an IDE."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from enctest.events import Debug, DebugHow
from enctest_tui import foreground
from enctest_tui.screens.ide import IdeScreen

if TYPE_CHECKING:
    from enctest_tui.app import EnctestApp


def asked(app: EnctestApp, how: DebugHow) -> Debug | None:
    """Return what to ask the explorer for; None, and said, where no test is selected."""
    node = app.main.left.selected
    if node is not None and node.is_test:
        if how in ("ide", "ide-start"):
            app.model.wants_ide = node.id
        return Debug(test=node.id, how=how)
    app.notify("select a test to debug", markup=False, timeout=2)
    return None


def answered(app: EnctestApp) -> str:
    """Do what the explorer has prepared; return what went wrong, or an empty string."""
    ready, app.model.debug = app.model.debug, None
    ide, app.model.ide = app.model.ide, None
    if ready is not None:
        return foreground.run(app, ready.argv, Path(ready.cwd), env=ready.env, wait=True)
    if ide is not None and ide.port:
        app.push_screen(IdeScreen(ide))
    return f"{ide.test} cannot be debugged: {ide.problem}" if ide is not None else ""
