"""SQLite: a migrated file per content of the migrations, kept in the cache; a copy of it for each run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from urllib.parse import quote

from enctest.config import DatabaseSettings
from enctest.databases import declarations, folders, migrations, sqlite_migrations
from enctest.databases.private_server import PrivateServer
from enctest.databases.providers import Copy, StaleError, Tell
from enctest.errors import EnctestError
from enctest.paths import cache_folder

_KEPT = 20
"""Templates in the cache, of all projects."""
_LAYOUT = "1"  # of a template; another is another key
_ROOM = 16 * 1024 * 1024
_BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite may put beside a file."""


class SQLite:
    """Provides SQLite files in a private folder, in memory when there is room."""

    default_env = "DATABASE_URL"
    fields = ("url", "path", "name")

    def __init__(self, root: Path, databases: Mapping[str, DatabaseSettings]) -> None:
        self._root = root
        self._settings = dict(databases)
        self._folder: PrivateServer | None = None
        self._templates: dict[str, Path] = {}
        self._taken: set[str] = set()

    def look(self, database: str) -> str:
        """Say which SQLite it is; it is always there."""
        self._check(database)
        self._files(database)
        folders.choose(None, _ROOM)
        return f"SQLite {sqlite3.sqlite_version} of Python"

    def prepare(self, database: str, tell: Tell) -> str:
        """Migrate a file, unless the cache has one of these migrations."""
        self._check(database)
        todo = migrations.read(self._files(database))
        kept = _cached(hashlib.sha256("".join(each.digest() for each in todo).encode()).hexdigest())
        with _full(self._place()):
            template = self._place() / f"{kept.stem}.template"
            if not template.exists() and not _fetch(kept, template):
                tell("migrating", self._about())
                fresh = template.with_suffix(".new")
                _remove(fresh)
                try:
                    sqlite_migrations.apply(fresh, todo, database=database, root=self._root)
                    fresh.rename(template)
                finally:
                    _remove(fresh)
                _keep(template, kept)
        self._templates[database] = template
        return f"{self._about()}, {len(todo)} migrations"

    def create(self, database: str) -> Copy:
        """Copy the template."""
        if self._folder is None or database not in self._templates:
            raise StaleError(f"database {database} is not prepared")
        if self._settings[database].options.get("memory"):
            return self._in_memory(database)
        name = next(name for name in _names(database) if name not in self._taken)
        path = self._folder.folder / f"{name}.db"
        with _full(self._folder.folder):
            replace(self._templates[database], path)
        self._taken.add(name)
        scheme = self._settings[database].scheme or "sqlite"
        values = {
            "url": f"{scheme}:///{quote(str(path))}",
            "path": str(path),
            "name": name,
            "template": str(self._templates[database]),
        }
        return Copy(name, values, "enctest.databases.resets:sqlite")

    def _in_memory(self, database: str) -> Copy:
        """Return a copy that each process of tests makes in its own memory."""
        path = f"file:{quote(database)}?mode=memory&cache=shared"
        values = {
            "url": f"{self._settings[database].scheme or 'sqlite'}:///{path}&uri=true",
            "path": path,
            "name": database,
            "template": str(self._templates[database]),
        }
        return Copy(database, values, "enctest.databases.resets:sqlite_memory", inside=True)

    def renew(self, database: str, copy: Copy) -> None:
        """Copy the template anew; who still has the old file open keeps that."""
        if self._folder is None or not self._folder.is_alive():
            raise StaleError("the copy went with its folder")
        if copy.values["template"] != str(self._templates[database]):
            raise StaleError("the migrations changed")
        if copy.inside:
            return
        if copy.name not in self._taken:
            raise StaleError("there is no such copy")
        with _full(self._folder.folder):
            replace(self._templates[database], Path(copy.values["path"]))

    def drop(self, database: str, copy: Copy) -> None:  # noqa: ARG002 - the protocol's
        """Remove a copy."""
        if copy.inside:
            return
        _remove(Path(copy.values["path"]))
        self._taken.discard(copy.name)

    def close(self) -> None:
        """Remove the folder."""
        folder, self._folder = self._folder, None
        self._templates.clear()
        self._taken.clear()
        if folder is not None:
            folder.close()

    def _files(self, database: str) -> tuple[Path, ...]:
        declared = self._settings[database].migrations
        if not isinstance(declared, str):
            raise EnctestError(
                f"database {database}: SQLite is migrated by SQL files, not by a command",
                'For example: migrations = "migrations"',
            )
        return migrations.declared(self._root, declared)

    def _check(self, database: str) -> None:
        _plain(database)
        uses = frozenset({"migrations"})
        declarations.check(database, self._settings[database], uses=uses, options={"memory": bool})

    def _place(self) -> Path:
        """Return the private folder, made when it is not there."""
        if self._folder is not None and not self._folder.is_alive():  # somebody killed what guards it
            self.close()
        if self._folder is None:
            self._folder = PrivateServer.start(self._root, "sqlite", room=_ROOM)
        return self._folder.folder

    def _about(self) -> str:
        place = self._place()
        where = "in memory" if place.is_relative_to(folders.MEMORY) else f"in {place.parent}"
        return f"SQLite {sqlite3.sqlite_version}, {where}"


def _plain(database: str) -> None:
    if os.sep in database or database.startswith("."):
        raise EnctestError(
            f"{database!r} cannot be the name of an SQLite database", "It is the name of a file, too."
        )


def _names(database: str) -> Iterator[str]:
    yield database
    yield from (f"{database}_run{number}" for number in count(2))


def replace(source: Path, target: Path) -> None:
    """Put a copy of `source` in the place of `target`; who has the old file open keeps that."""
    fresh = target.with_suffix(".new")
    shutil.copyfile(source, fresh)
    for suffix in _BESIDE:
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    fresh.rename(target)


def _remove(path: Path) -> None:
    for suffix in ("", *_BESIDE):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _cached(digest: str) -> Path:
    """Return where the cache has, or would have, the template of some migrations."""
    key = hashlib.sha256(f"{_LAYOUT} {sqlite3.sqlite_version} {digest}".encode()).hexdigest()[:16]
    return cache_folder() / "sqlite" / f"{key}.db"


def _fetch(kept: Path, template: Path) -> bool:
    """Copy a template from the cache, if it has it whole."""
    fresh = template.with_suffix(".new")
    try:
        shutil.copyfile(kept, fresh)
        with closing(sqlite3.connect(fresh)) as connection:
            connection.execute("pragma schema_version").fetchone()
        os.utime(kept)
    except (FileNotFoundError, sqlite3.DatabaseError):
        _remove(fresh)
        return False
    fresh.rename(template)
    return True


def _keep(template: Path, kept: Path) -> None:
    """Put a template into the cache, and what was not used for longest out of it; a full cache is no harm."""
    fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            shutil.copyfile(template, fresh)
            fresh.rename(kept)
        finally:
            fresh.unlink(missing_ok=True)
        for old in sorted(kept.parent.glob("*.db"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)


@contextlib.contextmanager
def _full(folder: Path) -> Iterator[None]:
    """Say that the place is full, rather than that a server went away."""
    try:
        yield
    except FileNotFoundError as error:
        raise StaleError(f"the folder of the SQLite databases is gone: {error}") from error
    except OSError as error:
        raise EnctestError(
            f"an SQLite database cannot be copied: {error}", f"Free some space in {folder.parent}."
        ) from error
