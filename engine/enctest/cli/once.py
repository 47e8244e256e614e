"""`enctest [PYTEST ARGS]`: one run, exactly as pytest would, plus traces, dependencies and databases."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enctest.config import Settings
from enctest.errors import EnctestError
from enctest.explorer.plain_run import PlainRun, find
from enctest.paths import Project
from enctest.session.leaving_out import LeftOut
from enctest.session.spool import read
from enctest.session.xdist_options import take_workers

if TYPE_CHECKING:
    from enctest.tracing.otlp.export import Exporter

ISOLATE = "--isolate"
"""Ours among pytest's arguments: a process for each test."""


def run_once(args: Sequence[str]) -> int:
    """Run pytest in this process; returns its exit code.

    Raises:
        EnctestError: The configuration is wrong, or a declared database is not to be had.
    """
    project, settings = find()
    rest = list(args)
    workers = take_workers(rest)
    isolate = ISOLATE in rest
    exporter = _exporter(project, settings, rest)
    rest = [arg for arg in rest if arg != ISOLATE]
    run = PlainRun(project, settings, workers=workers, isolate=isolate, left_out=_choice(project, rest))
    try:
        code = _run(run, rest)
        if exporter is not None:
            _export(exporter, run.folder)
        return code
    finally:
        run.end()


def _choice(project: Project, args: list[str]) -> LeftOut | None:
    """Return what `--affected` leaves out, and take it out of the arguments; None without it."""
    if not any(arg.startswith("--affected") for arg in args):
        return None
    from enctest.cli.range import choose, take

    revision = take(args)
    return None if revision is None else choose(project, revision)


def _run(run: PlainRun, args: list[str]) -> int:
    import pytest

    run.provide()
    run.record()
    sys.argv = [str(Path(sys.argv[0]).with_name("pytest")), *args]
    autoload = not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    extra = [] if autoload and "--disable-plugin-autoload" not in args else ["-p", "enctest.plugin"]
    return int(pytest.main([*extra, *args]))


def _exporter(project: Project, settings: Settings, args: list[str]) -> Exporter | None:
    """Return what sends the traces of `--otlp`, and take that out of the arguments; None without it."""
    from enctest.cli.main import take_option

    endpoint = take_option(args, "--otlp")
    if endpoint is None:
        return None
    if not settings.spans:
        raise EnctestError("--otlp has nothing to send", "Remove `spans = false` from [tool.enctest].")
    from enctest.tracing.otlp.export import Exporter

    return Exporter(endpoint, {"service.name": project.root.name})


def _export(exporter: Exporter, folder: Path) -> None:
    """Send what the run wrote; a failure is said and changes no outcome."""
    try:
        exporter.send(read(folder))
    except EnctestError as error:
        print(f"enctest: {error.title}", file=sys.stderr)
        print(f"  {error.hint}", file=sys.stderr)
    else:
        print(f"enctest: {exporter.sent} spans were sent to {exporter.url}", file=sys.stderr)
