"""Managed databases behind handles: more copies of them, and superusers."""

from __future__ import annotations

from contextlib import ExitStack
from urllib.parse import urlsplit

from enctest.services.database import Database
from enctest.services.scope import UNSET, Scope


def copy_for(scope: Scope, database: Database | str) -> str:
    """Return the URL of one more copy, there until the scope ends; a handle points to it until then.

    Raises:
        EnctestError: No database of that name is managed.
        OSError, ServerError: The server is gone, or refused.
    """
    from enctest.databases import helpers

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
    from enctest.databases import helpers

    url = helpers.superuser_url(_name(database))
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
