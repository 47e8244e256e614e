"""`[tool.enctest]` of pyproject.toml as frozen settings."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from enctest.errors import EnctestError
from enctest.events.findings import FINDING_KINDS

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Env: TypeAlias = str | list[str] | dict[str, str]
"""Variable(s) that get a database's URL, or a table of templates such as `PGHOST = "{host}"`."""


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """`[tool.enctest.databases.NAME]`: a database that tests find ready and migrated."""

    engine: str = "postgresql"
    """The kind of server, or `package.module:Class` of a provider of your own."""
    version: str = ""
    """Major version asked for, such as `16`; empty accepts any."""
    migrations: str | list[str] = ""
    """Folder of SQL files, alembic.ini, manage.py or yoyo.ini, relative to the root, or a command as a
    list; empty leaves the database bare."""
    migration_files: list[str] = []
    """Glob patterns of more files that the result of the migrations depends on."""
    migration_timeout: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    """Seconds that one file, or one run of a tool, may take."""
    seed: str | list[str] = ""
    """SQL file or folder to run after the migrations, or a command as a list."""
    seed_files: list[str] = []
    """Glob patterns of more files that the result of the seed depends on."""
    env: Env | None = None
    """Variable(s) that get the URL, or a table of templates with {url}, {host}, {port}, {user},
    {password}, {name} (PostgreSQL's); the engine's usual one unless given."""
    scheme: str = ""
    """Scheme of the URL, such as `postgresql+asyncpg`; empty is the engine's own."""
    bin: str = ""
    """Folder with the server's programs; empty finds one."""
    isolation: Literal["shared", "test", "transaction"] = "shared"
    """What tests get: one fresh copy per run and worker, each its own copy, or a transaction rolled back."""
    pool: Annotated[int, msgspec.Meta(ge=1)] = 4
    """Copies that are kept ready for tests in isolation `test`."""
    tcp: bool = False
    """Listen on 127.0.0.1 with a password, for drivers that cannot use a unix socket."""
    options: dict[str, Any] = {}
    """What a provider of your own asks for."""


class FindingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """`[tool.enctest.findings]`: what is not to be told about traces."""

    off: list[str] = []
    """Kinds that are not looked for."""
    silence: dict[str, list[str]] = {}
    """Kind, or `*`, to glob patterns of the test, the place (`file:line`) or the title not to tell of."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """Everything under `[tool.enctest]`."""

    databases: dict[str, DatabaseSettings] = {}
    """Managed databases by name."""
    findings: FindingSettings = FindingSettings()
    """What is not to be told about traces."""
    keys: dict[str, str] = {}
    """Action to key(s), comma separated, such as `run-failed = "F"`."""
    theme: str = "textual-dark"
    """Name of a Textual theme."""
    editor: str = ""
    """Command that opens files, such as `code` or `emacs -nw`; empty finds out, see the README."""
    notify: Literal["off", "bell", "desktop"] = "off"
    """What to do when green turns red: ring the terminal's bell, or show a message of the desktop."""
    hints: bool = True
    """Tell one thing about the screen at each of the first three starts."""
    watch: list[str] = []
    """Folders to watch besides the root, relative to it."""
    ignore: list[str] = []
    """Glob patterns (relative to the root) of files whose changes do not count."""
    spans: bool = True
    """Capture span trees."""
    redact: list[str] = []
    """Regular expressions of what must not be recorded: names of values, and parts of texts."""
    ambient: bool = True
    """Tell the processes that tests start where to send their spans, and which span is their parent."""
    preload: bool = True
    """Import third-party modules ahead, in the session host."""
    debugger: str = "pdb"
    """What `d` debugs with: `pdb`, `ipdb`, `pudb`, or `package.module:Class` as for pytest's `--pdbcls`."""
    fork: bool = True
    """Let runs go on from copies of a suspended process; else each starts a pytest process of its own."""
    workers: _Count = 0
    """Processes that run tests at the same time; 0 takes one per core."""
    snapshots: _Count = 8
    """Suspended processes at most; 0 keeps none."""
    snapshot_memory: _Count = 512
    """Megabytes of private memory that all suspended processes may have together."""
    audit: bool = True
    """In idle time, run a sample of the tests that selection left out, to measure what it misses."""


def database_settings(name: str, values: Mapping[str, Any]) -> DatabaseSettings:
    """Return what code says of a database, with underscores in names.

    Raises:
        EnctestError: A setting is unknown or of the wrong type.
    """
    spelled = {key.replace("_", "-"): value for key, value in values.items()}
    try:
        return msgspec.convert(spelled, DatabaseSettings)
    except msgspec.ValidationError as error:
        for key in _unknown(spelled, DatabaseSettings):
            unknown = f"Database({name!r}): there is no setting {key!r}"
            raise EnctestError(unknown, suggestion(key, names(DatabaseSettings))) from error
        raise EnctestError(
            f"Database({name!r}): {error}", "README.md lists the settings of databases under Configuration."
        ) from error


def load(root: Path) -> Settings:
    """Read the settings of the project at `root`; defaults when it has none.

    Raises:
        EnctestError: pyproject.toml is broken, or a setting is unknown or of the wrong type.
    """
    path = root / "pyproject.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise EnctestError(f"{path} cannot be read: {error}") from error
    try:
        table = tomllib.loads(text).get("tool", {}).get("enctest", {})
    except tomllib.TOMLDecodeError as error:
        raise EnctestError(
            f"{path} is not valid TOML: {error}", "Mend the line it names and save."
        ) from error
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        for where, key, hint in _mistakes(table):
            raise EnctestError(f"[{where}] in {path}: there is no setting {key!r}", hint) from error
        raise EnctestError(
            f"[tool.enctest] in {path}: {error}", "README.md lists the settings under Configuration."
        ) from error
    _check_patterns(settings.redact, path)
    _check_kinds(settings.findings, path)
    return settings


def _check_patterns(patterns: list[str], path: Path) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise EnctestError(
                f"[tool.enctest] in {path}: {pattern!r} in redact is no regular expression: {error}",
                "In TOML, 'single quotes' keep backslashes as they are.",
            ) from error


def names(settings: type[msgspec.Struct]) -> list[str]:
    """Return what the settings of a table are called in pyproject.toml."""
    return [field.encode_name for field in msgspec.structs.fields(settings)]


def suggestion(name: str, known: list[str]) -> str:
    """Return what somebody who wrote `name` may have meant, as a hint."""
    close = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."


def _mistakes(table: object) -> Iterator[tuple[str, str, str]]:
    """Yield unknown settings: table, name, hint."""
    if not isinstance(table, dict):
        return
    of_databases = names(DatabaseSettings)
    for key in _unknown(table, Settings):
        hint = suggestion(key, names(Settings))
        if key in of_databases:
            hint = "It is a setting of databases: it belongs into [tool.enctest.databases.NAME]."
        yield "tool.enctest", key, hint
    databases = table.get("databases")
    for name, each in databases.items() if isinstance(databases, dict) else ():
        if isinstance(each, dict):
            for key in _unknown(each, DatabaseSettings):
                yield f"tool.enctest.databases.{name}", key, suggestion(key, of_databases)


def _unknown(table: Mapping[str, Any], settings: type[msgspec.Struct]) -> list[str]:
    known = names(settings)
    return [key for key in table if key not in known]


def _check_kinds(settings: FindingSettings, path: Path) -> None:
    for table, names in (("", settings.off), (".silence", settings.silence)):
        for name in names:
            if name not in FINDING_KINDS and not (table and name == "*"):
                close = difflib.get_close_matches(name, FINDING_KINDS, 1, 0.4)
                raise EnctestError(
                    f"[tool.enctest.findings{table}] in {path} names an unknown kind: {name!r}",
                    f"Did you mean {close[0]!r}? " * bool(close)
                    + f"The kinds are: {', '.join(FINDING_KINDS)}.",
                )
