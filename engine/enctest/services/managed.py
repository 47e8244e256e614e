"""Managed databases behind handles: more copies of them, and superusers."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from enctest.config import DatabaseSettings
from enctest.paths import Project
from enctest.services.database import Database
from enctest.services.scope import DECLARED, ROOT, UNSET, Scope


def declared_url(scope: Scope, database: Database, settings: DatabaseSettings) -> str:
    """Return the URL of the session's own copy of a database that is declared where it is used.

    Raises:
        EnctestError: It cannot be had.
    """
    from enctest.databases import declared

    own = list(scope.up())[-1].own.setdefault(DECLARED, {})
    pid, url = own.get(database, (0, ""))
    if pid in {0, os.getpid()}:
        url = declared.url(database.name, settings, _project(scope))  # each time: it notes who needs it
        own[database] = os.getpid(), url
    return str(url)  # in a fork it is that of whom it works for


def _project(scope: Scope) -> Project:
    """Return the project that pytest tests, whatever folder it was started in."""
    root = list(scope.up())[-1].own.get(ROOT)
    return Project.find(Path(root) if root else None)


def copy_for(scope: Scope, database: Database | str) -> str:
    """Return the URL of one more copy, there until the scope ends; a handle points to it until then.

    Raises:
        EnctestError: No database of that name is managed.
        OSError, ServerError: The server is gone, or refused.
    """
    from enctest.databases import declared, helpers

    settings = database.settings if isinstance(database, Database) else None
    if settings is not None:
        lease = declared.lease(_name(database), settings, _project(scope))
        scope.at_end(lambda: declared.release(lease))
        url = lease.urls[_name(database)]
    else:
        stack = ExitStack()
        url = stack.enter_context(helpers.new_test_database(_name(database)))
        scope.at_end(stack.close)
    if isinstance(database, Database):
        scope.values[database] = url
    return url


def superuser(scope: Scope, database: Database) -> Database:
    """Return a handle of the same database, copy or not, for a user who may do everything.

    Raises:
        EnctestError: No database of that name is managed.
    """
    from enctest.databases import declared, helpers

    settings = database.settings
    if settings is not None:
        url = declared.superuser_url(database.name, settings, _project(scope))
    else:
        url = helpers.superuser_url(database.name)
    copy = scope.find(database)
    if copy is not UNSET:
        url = urlsplit(url)._replace(path=urlsplit(str(copy)).path).geturl()
    return _Superuser(database.name, url)


class _Superuser(Database):
    """A handle whose URL is known."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name)
        self._url = url

    @property
    def url(self) -> str:
        """Where the database is."""
        return self._url


def _name(database: Database | str) -> str:
    return database.name if isinstance(database, Database) else database
