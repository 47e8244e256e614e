"""Runs the project's own migration tool, or a command, as a process, and says what went wrong in it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from enctest.config import DatabaseSettings
from enctest.databases import tool_runner, urls
from enctest.databases.sources import Tool
from enctest.databases.urls import Location
from enctest.debuggers import start_process
from enctest.errors import EnctestError

_LOOK_SECONDS = 0.05
_LAST_LINES = 12
_LINES_OF_SQL = 6
_PACKAGES = {"alembic": "alembic", "django": "django", "yoyo": "yoyo-migrations"}
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)


class _Failure(msgspec.Struct):
    """What the process wrote down about its failure."""

    message: str = ""
    sqlstate: str = ""
    file: str = ""
    line: int = 0
    statement: str = ""
    missing: str = ""


def run(
    tool: Tool,
    location: Location,
    settings: DatabaseSettings,
    *,
    root: Path,
    doing: str,
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """Run a tool on the database at `location`.

    Args:
        tool: What to run.
        location: The database, and the role to be.
        settings: What the project says of the database: variables and time limit.
        root: The project's root.
        doing: What it does, for messages, such as `migration of database shop`.
        interrupted: Asked now and then; once true, the process is ended.

    Raises:
        EnctestError: It failed or took too long; the message says where and why as far as that can be told.
    """
    url = location.url(settings.scheme)
    with tempfile.TemporaryDirectory(prefix="enctest-tool-") as folder:
        report, log = Path(folder, "report"), Path(folder, "log")
        command = [sys.executable, tool_runner.__file__, str(report), url, tool.kind, *tool.target]
        with log.open("wb") as output:
            process = start_process(
                command, cwd=tool.folder, env=_environment(settings, location), stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        try:
            finished = _wait(process, settings.migration_timeout, interrupted)
        finally:
            _end(process)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if not finished:
            raise _unfinished(tool, settings.migration_timeout, doing, lines, interrupted=interrupted())
        if process.returncode:
            failure = msgspec.json.decode(report.read_bytes(), type=_Failure) if report.exists() else None
            raise _failed(tool, process.returncode, failure, lines, root=root, doing=doing)


def _environment(settings: DatabaseSettings, location: Location) -> dict[str, str]:
    """Return the variables of the process: whatever it looks at leads to our database, not the user's."""
    ours = {
        "PGHOST": location.host,
        "PGPORT": str(location.port),
        "PGUSER": location.user,
        "PGPASSWORD": location.password,
        "PGDATABASE": location.name,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }
    kept = {name: value for name, value in os.environ.items() if name not in {"PGSERVICE", "PGSERVICEFILE"}}
    return kept | ours | urls.of_postgresql(settings, location)


def _wait(process: subprocess.Popen[bytes], seconds: float, interrupted: Callable[[], bool]) -> bool:
    """Wait for the process; tell whether it ended by itself."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not interrupted():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic())))
            return True
    return process.poll() is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started in its session."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _unfinished(
    tool: Tool, seconds: float, doing: str, lines: list[str], *, interrupted: bool
) -> EnctestError:
    if interrupted:
        return EnctestError(f"{doing} was interrupted: {tool}")
    return EnctestError(
        f"{doing} failed: {tool} was not done after {seconds:g} s",
        "\n".join(
            [*_said(lines), "`migration-timeout` in [tool.enctest.databases.NAME] sets how long it may take."]
        ),
    )


def _failed(
    tool: Tool, code: int, failure: _Failure | None, lines: list[str], *, root: Path, doing: str
) -> EnctestError:
    if failure is None:
        way = f"was ended by signal {-code}" if code < 0 else f"returned {code}"
        place = _last_place(lines, root)
        return EnctestError(f"{doing} failed: {tool} {way}{place}", "\n".join(_said(lines)))
    if failure.missing:
        package = _PACKAGES.get(failure.missing)
        return EnctestError(
            f"{doing} failed: {failure.message}",
            f"Install it where enctest runs: pip install {package}, for {sys.executable}."
            if package
            else "The first word of the command has to be a program on PATH, or a path.",
        )
    file = Path(failure.file)
    shown = file.relative_to(root) if failure.file and file.is_relative_to(root) else failure.file
    where = f"{shown}, line {failure.line}" if failure.file else str(tool)
    state = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    hint = ["In this statement:", *_shortened(failure.statement)] if failure.statement else _said(lines)
    return EnctestError(f"{doing} failed: {where}: {failure.message}{state}", "\n".join(hint))


def _last_place(lines: list[str], root: Path) -> str:
    """Return the place in the project that a traceback in the output ends in."""
    found = [match for match in _FRAME.finditer("\n".join(lines)) if Path(match["file"]).is_relative_to(root)]
    own = [match for match in found if "site-packages" not in match["file"]]
    return f", {Path(own[-1]['file']).relative_to(root)}, line {own[-1]['line']}" if own else ""


def _said(lines: list[str]) -> list[str]:
    told = [line for line in lines if line.strip()][-_LAST_LINES:]
    return ["It said last:", *told] if told else ["It said nothing."]


def _shortened(statement: str) -> list[str]:
    lines = statement.strip().splitlines()
    return lines[:_LINES_OF_SQL] + (["..."] if len(lines) > _LINES_OF_SQL else [])
