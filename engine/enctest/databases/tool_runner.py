"""Runs a migration tool in the project's Python, and writes down where it failed. Uses nothing of enctest.

python tool_runner.py REPORT URL KIND TARGET...

KIND is alembic, django, yoyo or command; REPORT a file to write to, JSON with any of: message, sqlstate,
file, line, statement, missing.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import importlib.util
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

_PR_SET_PDEATHSIG = 1
_SQL_NAMES = ("statement", "sql", "stmt", "query", "operation")


def main() -> None:
    """Run the tool that the arguments name."""
    report, url, kind, *target = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if kind == "command":
        _command(report, target)
    sys.path[0] = str(Path.cwd())
    try:
        {"alembic": _alembic, "django": _django, "yoyo": _yoyo}[kind](target[0], url)
    except BaseException as error:  # whatever the project's code raises is to be explained
        if isinstance(error, SystemExit) and not error.code:
            raise
        traceback.print_exc()
        Path(report).write_text(json.dumps(_explanation(error, Path(target[0]))), encoding="utf-8")
        sys.exit(1)


def _command(report: str, command: list[str]) -> None:
    program = sys.executable if command[0] in {"python", "python3"} else command[0]
    try:
        os.execvp(program, command)
    except OSError as error:
        told = {"message": f"{command[0]}: {error.strerror}", "missing": command[0]}
        Path(report).write_text(json.dumps(told), encoding="utf-8")
        sys.exit(1)


def _alembic(target: str, url: str) -> None:
    from alembic import command
    from alembic.config import Config

    path = Path(target)
    if path.is_dir():
        config = Config()
        config.set_main_option("script_location", target.replace("%", "%%"))
    elif path.suffix == ".toml":
        config = Config(toml_file=target)
    else:
        config = Config(target)
    configured = config.get_main_option("sqlalchemy.url") or ""
    scheme, _, rest = url.partition("://")
    own = configured.partition("://")[0]
    if scheme == "postgresql" and own.startswith("postgresql+"):
        scheme = own  # the driver that the project has
    elif scheme == "postgresql" and not importlib.util.find_spec("psycopg2"):
        scheme = "postgresql+psycopg"
    config.set_main_option("sqlalchemy.url", f"{scheme}://{rest}".replace("%", "%%"))
    command.upgrade(config, "heads")


def _django(target: str, _url: str) -> None:
    sys.argv = [target, "migrate", "--noinput"]
    runpy.run_path(target, run_name="__main__")


def _yoyo(target: str, url: str) -> None:
    import configparser

    from yoyo import get_backend, read_migrations

    sources = [target]
    if not Path(target).is_dir():
        parser = configparser.RawConfigParser()
        parser.read(target, encoding="utf-8")
        sources = parser.defaults()["sources"].split()
    driver = "postgresql" if importlib.util.find_spec("psycopg2") else "postgresql+psycopg"
    backend = get_backend(f"{driver}://{url.partition('://')[2]}")
    migrations = read_migrations(*sources)
    with backend.lock():
        backend.apply_migrations(backend.to_apply(migrations))


# --- what went wrong ---


def _explanation(error: BaseException, target: Path) -> dict[str, Any]:
    if isinstance(error, ModuleNotFoundError) and error.name in {"alembic", "django", "yoyo"}:
        return {"message": str(error), "missing": error.name}
    raised = list(_chain(error))
    database = next((one for one in raised if _sqlstate(one)), error)
    told: dict[str, Any] = {"message": _message(database), "sqlstate": _sqlstate(database)}
    if statement := next((text for one in raised if (text := _statement(one))), ""):
        told["statement"] = statement
    folder = target if target.is_dir() else target.parent
    for one in raised:
        if place := _place(one, folder.resolve(), told.get("statement", "")):
            told["file"], told["line"] = place
            break
    return told


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _message(error: BaseException) -> str:
    diagnosis = getattr(error, "diag", None)
    primary = getattr(diagnosis, "message_primary", None)
    return str(primary or error).strip() or type(error).__name__


def _sqlstate(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state if isinstance(state, str) else ""


def _statement(error: BaseException) -> str:
    """Return the statement that failed: SQLAlchemy says it, others have it in a frame."""
    if isinstance(said := getattr(error, "statement", None), str):
        return said
    if not _sqlstate(error):
        return ""
    for frame, _ in reversed(list(_frames(error.__traceback__))):
        for name in _SQL_NAMES:
            value = frame.f_locals.get(name)
            if isinstance(value, str) and " " in value.strip():
                return value
    return ""


def _place(error: BaseException, folder: Path, statement: str) -> tuple[str, int] | None:
    """Return file and line of the project's code, or migration, that an error comes from."""
    place: tuple[str, int] | None = None
    for frame, line in _frames(error.__traceback__):
        place = _declared(frame, statement) or _own(frame, line, folder) or place
    if place is None and isinstance(error, SyntaxError) and error.filename:
        place = error.filename, error.lineno or 1
    return place


def _own(frame: FrameType, line: int, folder: Path) -> tuple[str, int] | None:
    """Return the line of a frame that is in the project's own code, but for what only starts things."""
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(folder) or path.name in {"env.py", "manage.py"}:
        return None
    return (str(path), line) if path.is_file() and "site-packages" not in path.parts else None


def _declared(frame: FrameType, statement: str) -> tuple[str, int] | None:
    """Return where a migration is that is data, not code that runs: Django's operations, yoyo's steps."""
    migration: Any = frame.f_locals.get("migration") or frame.f_locals.get("self")
    operation = frame.f_locals.get("operation")
    file = getattr(sys.modules.get(str(getattr(type(migration), "__module__", ""))), "__file__", None)
    if operation is not None and hasattr(migration, "operations") and file:
        with contextlib.suppress(ValueError):
            return file, _line_of_operation(Path(file), list(migration.operations).index(operation))
    path = Path(str(getattr(migration, "path", "")))
    if path.suffix in {".py", ".sql"} and hasattr(migration, "steps") and path.is_file():
        return str(path), _line_of(path, statement)
    return None


def _line_of_operation(path: Path, index: int) -> int:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if "operations" in names and index < len(node.value.elts):
                return node.value.elts[index].lineno
    return 1


def _line_of(path: Path, statement: str) -> int:
    text = path.read_text(encoding="utf-8", errors="replace")
    place = text.find(statement.strip()) if statement.strip() else -1
    return text.count("\n", 0, place) + 1 if place >= 0 else 1


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


if __name__ == "__main__":
    main()
