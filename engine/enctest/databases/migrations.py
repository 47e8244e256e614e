"""Migrations as SQL files: which, in what order, and what went wrong in which line.

Four ways to name them are known: `N_name.up.sql` (golang-migrate, Encore), `-- migrate:up` within a file
(dbmate; goose's and sql-migrate's marks too), `V1_2__name.sql` with `R__name.sql` (Flyway), and any other
`*.sql` in the order of their leading numbers or names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from enctest.databases.protocol import Connection, ServerError
from enctest.databases.statements import split
from enctest.errors import EnctestError

_UP = re.compile(r"(?P<number>\d+)(_[^.]*)?\.up\.sql", re.IGNORECASE)
_DOWN = re.compile(r".*\.down\.sql", re.IGNORECASE)
_FLYWAY = re.compile(r"V(?P<number>\d+(?:[._]\d+)*)__.*\.sql")
_REPEATABLE = re.compile(r"R__.*\.sql")
_UNDO = re.compile(r"U\d+(?:[._]\d+)*__.*\.sql")
_LEADING = re.compile(r"\d+")
_SECTION = re.compile(
    r"^--\s*(?:migrate:|\+migrate\s+|\+goose\s+)(?P<way>up|down)\b.*$", re.IGNORECASE | re.MULTILINE
)
_NO_TRANSACTION = re.compile(
    r"transaction:\s*false|\bno\s+transaction\b|\bconcurrently\b|\bvacuum\b", re.IGNORECASE
)
_EXCERPT_LINES = 6


@dataclass(frozen=True)
class Migration:
    """One file; `sql` has the line numbers of the file, what is not to run is blank."""

    path: Path
    sql: str

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def digest(self) -> str:
        """Return a hash of name and content."""
        return sha256(f"{self.path.name}\0{self.sql}".encode("utf-8", "surrogateescape")).hexdigest()


def find(folder: Path, what: str = "migrations") -> tuple[Path, ...]:
    """Return the SQL files of `folder` (or the one file it is), in the order they run; `what` is the setting.

    Raises:
        EnctestError: There is no such folder, it holds no SQL files, or two have the same number.
    """
    if folder.is_file():
        return (folder,)
    try:
        files = [path for path in folder.iterdir() if path.suffix == ".sql" and path.is_file()]
    except OSError as error:
        raise EnctestError(
            f"the {what} folder {folder} cannot be read: {error.strerror}",
            f"Set `{what}` to a folder of SQL files, or what a tool has, relative to the project's root.",
        ) from error
    ordered = _order([path for path in files if not _DOWN.fullmatch(path.name)])
    if not ordered:
        raise EnctestError(
            f"the {what} folder {folder} holds no SQL files",
            "Name alembic.ini, manage.py or yoyo.ini, or give a command as a list; or leave it out.",
        )
    return ordered


def declared(root: Path, folder: str) -> tuple[Path, ...]:
    """Return the SQL files of a declaration's `migrations`, which may be empty.

    Raises:
        EnctestError: As `find` does.
    """
    return find(root / folder) if folder else ()


def read(files: Iterable[Path]) -> tuple[Migration, ...]:
    """Read the files.

    Raises:
        EnctestError: A file cannot be read or is not UTF-8 text.
    """
    return tuple(Migration(path, _up_section(_text(path))) for path in files)


def apply(connection: Connection, migration: Migration, *, doing: str, root: Path) -> None:
    """Run a file, in a transaction unless it says or needs otherwise; `doing` is for messages.

    Raises:
        EnctestError: It failed; the message names the file (relative to `root`), line and SQL error.
        OSError: The server went away.
    """
    if _NO_TRANSACTION.search(migration.sql):
        for statement in split(migration.sql):
            _run(connection, migration, statement.sql, statement.start, doing, root)
    else:
        _run(connection, migration, migration.sql, 0, doing, root)
    if connection.in_transaction:
        raise EnctestError(
            f"{doing} failed: {_shown(migration.path, root)} leaves its transaction open",
            "It needs a COMMIT, or no BEGIN: a file is one transaction by itself.",
        )


def _run(connection: Connection, migration: Migration, sql: str, offset: int, doing: str, root: Path) -> None:
    try:
        connection.query(sql)
    except ServerError as error:
        raise _failure(migration, error, sql, offset, doing, root) from error


def _failure(
    migration: Migration, error: ServerError, sql: str, offset: int, doing: str, root: Path
) -> EnctestError:
    parts = split(sql)
    place, excerpt = error.position - 1, ""
    if place < 0:  # no position, for example a violated constraint: it is the first statement not done
        place = parts[error.completed].start if error.completed < len(parts) else 0
    for part in parts:
        if part.start <= place:
            excerpt = part.sql
    lines = excerpt.splitlines()
    shown = "\n".join(lines[:_EXCERPT_LINES] + (["..."] if len(lines) > _EXCERPT_LINES else []))
    line = migration.sql.count("\n", 0, offset + place) + 1
    more = [text for text in (error.detail, error.hint) if text]
    return EnctestError(
        f"{doing} failed: {_shown(migration.path, root)}, line {line}: {error}",
        "\n".join(
            ["In this statement:", shown, *more, "Mend the file and save; the database is made again."]
        ),
    )


def _shown(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path


def _order(files: list[Path]) -> tuple[Path, ...]:
    if any(_UP.fullmatch(path.name) for path in files):
        return _unique([(_numbers(_UP, path), path) for path in files if _UP.fullmatch(path.name)])
    if any(_FLYWAY.fullmatch(path.name) for path in files):
        versioned = _unique(
            [(_numbers(_FLYWAY, path), path) for path in files if _FLYWAY.fullmatch(path.name)]
        )
        return versioned + tuple(sorted(path for path in files if _REPEATABLE.fullmatch(path.name)))
    files = [path for path in files if not _UNDO.fullmatch(path.name)]
    if all(_LEADING.match(path.name) for path in files):
        return tuple(sorted(files, key=lambda path: (_numbers(_LEADING, path), path.name)))
    return tuple(sorted(files))


def _numbers(pattern: re.Pattern[str], path: Path) -> tuple[int, ...]:
    match = pattern.match(path.name)
    text = (match.group("number") if "number" in pattern.groupindex else match.group()) if match else ""
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _unique(numbered: list[tuple[tuple[int, ...], Path]]) -> tuple[Path, ...]:
    seen: dict[tuple[int, ...], Path] = {}
    for number, path in sorted(numbered):
        if number in seen:
            raise EnctestError(
                f"two migrations have the number {'.'.join(map(str, number))}: "
                f"{seen[number].name} and {path.name} in {path.parent}",
                "Give one of them the next number.",
            )
        seen[number] = path
    return tuple(seen.values())


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EnctestError(f"the migration {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EnctestError(
            f"the migration {path} is not UTF-8 text: {error.reason} at byte {error.start}",
            "Save it as UTF-8.",
        ) from error
    if "\0" in text:
        raise EnctestError(f"the migration {path} holds a zero byte", "Save it as UTF-8 text.")
    return text


def _up_section(text: str) -> str:
    """Return `text` with everything outside its `up` section blank; all of it when it has no sections."""
    marks = list(_SECTION.finditer(text))
    if not marks:
        return text
    wanted = [""]
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        end = following.start() if following else len(text)
        part = text[mark.start() : end]
        wanted.append(part if mark["way"].lower() == "up" else "\n" * part.count("\n"))
    return "\n" * text.count("\n", 0, marks[0].start()) + "".join(wanted)
