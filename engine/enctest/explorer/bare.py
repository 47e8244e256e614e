"""A bare `pytest` that asks for us: a plain run, begun and ended from within pytest."""

from __future__ import annotations

import sys

import pytest

from enctest.errors import EnctestError
from enctest.explorer.plain_run import PlainRun, find

_running = False
"""Whether such a run goes on in this process: a session within a session is part of it."""


def begin(config: pytest.Config) -> None:
    """Make databases and set up recording, until pytest lets go of its configuration.

    A run that only collects gets its databases, since conftests may ask for them, and is not remembered.

    Args:
        config: At the time when conftests are about to be loaded.

    Raises:
        pytest.UsageError: Our configuration is wrong, or a declared database is not to be had.
    """
    global _running  # noqa: PLW0603 - as the process is one
    if _running:
        return
    try:
        project, settings = find(config.rootpath)
        run = PlainRun(project, settings, bare=True)
        _running = True
        config.add_cleanup(lambda: _end(run))
        run.provide()
        if project.root != config.rootpath:
            print(
                f"enctest: this run is not remembered: pytest names tests as seen from {config.rootpath}, "
                f"explorers from {project.root}",
                file=sys.stderr,
            )
        elif not config.known_args_namespace.collectonly:
            run.record()
    except EnctestError as error:
        raise pytest.UsageError("\n  ".join(filter(None, (f"enctest: {error.title}", error.hint)))) from error


def _end(run: PlainRun) -> None:
    global _running  # noqa: PLW0603 - as above
    _running = False
    run.end()
