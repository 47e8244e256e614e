"""Settings, app, and what to say when it has ended; imports Textual."""

from __future__ import annotations

import gc

from enctest.config import Settings, load
from enctest.errors import EnctestError
from enctest_tui import hints
from enctest_tui.actions import key_map
from enctest_tui.app import EnctestApp
from enctest_tui.link import Link


def make_app(link: Link) -> EnctestApp:
    """Return the app for a project; broken settings are told on the screen, and ours are used."""
    root = link.project.root
    try:
        settings = load(root)
        app = EnctestApp(link.open, root, settings)
    except EnctestError as error:
        return EnctestApp(link.open, root, Settings(), error)
    if settings.hints:
        app.hint = hints.take(key_map(settings.keys))
    return app


def spare_modules() -> None:
    """Keep the collector away from what has been imported, and let it look elsewhere less often.

    To look through a trace of 10,000 spans takes it longer than two frames.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def run(link: Link) -> int:
    """Run the app until the user leaves; return the exit code."""
    app = make_app(link)
    spare_modules()
    app.run()
    return app.return_code or 0
