"""`enctest [PYTEST ARGS]`: one run, exactly as pytest would, plus traces, dependencies and databases."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from enctest.config import Settings
from enctest.errors import EnctestError
from enctest.explorer.plain_run import PlainRun, find
from enctest.paths import Project
from enctest.session.leaving_out import LeftOut
from enctest.session.spool import read
from enctest.session.xdist_options import take_workers

if TYPE_CHECKING:
    import pytest

    from enctest.tracing.otlp.export import Exporter

ISOLATE = "--isolate"
"""Ours among pytest's arguments: a process for each test."""
SPANS = "--spans"
"""Ours as well: print the span trees of failed tests. (pytest's own `--trace` begins each test in pdb.)"""


def run_once(args: Sequence[str]) -> int:
    """Run pytest in this process; returns its exit code.

    Raises:
        EnctestError: The configuration is wrong, or a declared database is not to be had.
    """
    project, settings = find()
    rest = list(args)
    workers = take_workers(rest)
    isolate, trees = ISOLATE in rest, SPANS in rest
    exporter = _exporter(project, settings, rest)
    rest = [arg for arg in rest if arg not in (ISOLATE, SPANS)]
    if trees:
        settings = msgspec.structs.replace(settings, spans=True)
    run = PlainRun(project, settings, workers=workers, isolate=isolate, left_out=_choice(project, rest))
    try:
        code = _run(run, rest, trees=trees)
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


def _run(run: PlainRun, args: list[str], *, trees: bool) -> int:
    import pytest

    run.provide()
    run.record()
    _be_called_pytest(args)
    autoload = not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    extra = [] if autoload and "--disable-plugin-autoload" not in args else ["-p", "enctest.plugin"]
    return int(pytest.main([*extra, *args], plugins=_plugins(run.folder, trees=trees)))


def tell(args: Sequence[str]) -> int:
    """Let pytest say something about itself, such as `--help`; no database is made for that."""
    import pytest

    _be_called_pytest(args)
    return int(pytest.main(list(args), plugins=[AsPytest()]))


def _be_called_pytest(args: Sequence[str]) -> None:
    sys.argv = [str(Path(sys.argv[0]).with_name("pytest")), *args]


class AsPytest:
    """Lets usage errors and the help name the program that they are about, not a function of it."""

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Before anything is parsed."""
        shown = getattr(parser, "optparser", None)  # older ones of pytest look at sys.argv
        if shown is not None:
            shown.prog = "pytest"


def _plugins(folder: Path, *, trees: bool) -> list[object]:
    """Return what takes part in the run besides what it finds itself."""
    if not trees:
        return [AsPytest()]
    from enctest.session.failed_trees import FailedTrees

    return [AsPytest(), FailedTrees(folder)]


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
