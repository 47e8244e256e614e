"""Databases that test code declares: had by the process that asks, kept warm by the explorer.

`Database("audit", migrations="migrations/audit")` in a conftest is such a declaration; nothing is started
for it before somebody calls `url` or `lease`. The process joins the cluster of its project then, as any
other user of it, makes the template unless it is there, and has copies of its own, which go when it ends.
Its reading of the migrations is recorded as other reading is: a changed one reruns the tests that use it.

So that the cluster and its templates outlive the worker, it leaves a note in the runtime
folder; the explorer holds the cluster of what it finds there until it ends itself.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
from pathlib import Path
from threading import RLock

import msgspec

from enctest.config import DatabaseSettings
from enctest.databases import own, plans
from enctest.databases.manager import DatabaseManager, Lease
from enctest.errors import EnctestError
from enctest.paths import Project

_NOTES = "declared"


class _Note(msgspec.Struct, frozen=True):
    """A declaration, as it is written down."""

    name: str
    settings: DatabaseSettings


class _Mine:
    """What this process has; a fork begins with nothing and leaves its parent's alone."""

    def __init__(self) -> None:
        self.mutex = RLock()
        self.managers: dict[str, DatabaseManager] = {}
        self.urls: dict[str, str] = {}
        self.leases: dict[str, Lease] = {}
        self.files: dict[str, list[Path]] = {}
        self.parents: list[object] = []  # closing these would end the parent's sessions

    def begin_anew(self) -> None:
        """Leave everything to the parent."""
        self.parents.append((self.managers, self.urls))
        self.mutex, self.managers, self.urls, self.leases, self.files = RLock(), {}, {}, {}, {}

    def close(self) -> None:
        """Give everything back."""
        with self.mutex:
            while self.managers:
                self.managers.popitem()[1].close()
            self.urls.clear()
            self.leases.clear()


_mine = _Mine()
os.register_at_fork(after_in_child=_mine.begin_anew)
atexit.register(_mine.close)


def url(name: str, settings: DatabaseSettings, project: Project | None = None) -> str:
    """Return the URL of this process's own copy of a database; the same one for each call.

    Args:
        name: Its name in the application.
        settings: How it is made; `env` does not count.
        project: The project it belongs to; the one of the current folder unless given.

    Raises:
        EnctestError: There is no server to be had, or a migration fails.
    """
    project = project or Project.find()
    with _mine.mutex:
        key = _key(project, name, settings)
        if key in _mine.urls:
            for path in _mine.files[key]:  # who asks later needs them as well, and only who reads is seen to
                path.open("rb").close()
        else:
            mine = _mine.leases[key] = lease(name, settings, project)
            _mine.urls[key] = mine.urls[name]
            _mine.files[key] = [each for each in plans.files(name, settings, project.root) if each.is_file()]
        return _mine.urls[key]


def superuser_url(name: str, settings: DatabaseSettings, project: Project | None = None) -> str:
    """Return the URL of the same copy for a superuser.

    Raises:
        EnctestError: As `url`; or it is no database of PostgreSQL.
    """
    project = project or Project.find()
    url(name, settings, project)
    mine = _mine.leases[_key(project, name, settings)]
    lent = mine.copies[name].lent
    if lent is None:
        raise EnctestError(f"the database {name} has no superusers", "PostgreSQL has.")
    return lent.superuser_url.replace(own.NAME, mine.names[name])


def lease(name: str, settings: DatabaseSettings, project: Project | None = None) -> Lease:
    """Return a fresh copy of a database, see `url`; `release` gives it back before the process ends."""
    project = project or Project.find()
    with _mine.mutex:
        key = _key(project, name, settings)
        if key not in _mine.managers:
            _mine.managers[key] = DatabaseManager({name: settings}, project)
            _leave_note(project, _Note(name, settings))
        return _mine.managers[key].lease(name)


def release(lease_: Lease) -> None:
    """Give a copy back; it is dropped in the background."""
    with _mine.mutex:
        for manager in _mine.managers.values():
            manager.release(lease_)


def close() -> None:
    """Give back all that this process has; it may ask again."""
    _mine.close()


class Held:
    """Keeps clusters and templates of declared databases while an explorer lives. For one thread at a time.

    Args:
        project: The project under test; what earlier explorers noted of it is forgotten.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._managers: dict[str, DatabaseManager] = {}
        for note in _notes(project):
            note.unlink(missing_ok=True)

    def look(self) -> None:
        """Prepare what was declared since the last look; what cannot be had is told to who asks for it."""
        for path in _notes(self._project):
            if path.name in self._managers:
                continue
            with contextlib.suppress(OSError, msgspec.MsgspecError, EnctestError):
                note = msgspec.json.decode(path.read_bytes(), type=_Note)
                self._managers[path.name] = DatabaseManager({note.name: note.settings}, self._project)
                self._managers[path.name].prepare()

    def close(self) -> None:
        """Let go of everything."""
        while self._managers:
            self._managers.popitem()[1].close()


def _key(project: Project, name: str, settings: DatabaseSettings) -> str:
    text = msgspec.json.encode((str(project.root), name, settings))
    return hashlib.sha256(text).hexdigest()[:16]


def _notes(project: Project) -> list[Path]:
    return sorted((project.runtime / _NOTES).glob("*.json"))


def _leave_note(project: Project, note: _Note) -> None:
    """Write a declaration down, whole or not at all."""
    folder = project.runtime / _NOTES
    path = folder / f"{_key(project, note.name, note.settings)}.json"
    new = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):  # it only costs time
        folder.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            new.write_bytes(msgspec.json.encode(note))
            new.rename(path)
