"""The handle of a database: where it is, in production and in tests."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from enctest.services.errors import MissingError
from enctest.services.scope import UNSET, current

if TYPE_CHECKING:
    from enctest.config import DatabaseSettings

_COMMON: Final = "DATABASE_URL"


class Database:
    """A database by name: `shop = Database("shop")`; `shop.url` says where it is now.

    Ask for `url` when you connect, not when the module is imported: in a test it may be another.

    Args:
        name: As in `[tool.enctest.databases.NAME]`.
        env: The variable that holds the URL; SHOP_DATABASE_URL, else DATABASE_URL, unless given.
        settings: Declares it here, for tests alone: `migrations`, `seed`, `version` and so on, spelled as in
            `[tool.enctest.databases]` but with underscores. A server is started, and the database migrated,
            when a test first asks for its URL, unless a variable of its own says where it is.
    """

    def __init__(self, name: str, *, env: str = "", **settings: Any) -> None:
        self.name = name
        own = re.sub(r"\W", "_", name).upper() + "_" + _COMMON
        common = () if settings else (_COMMON,)  # that one is another's
        self.variables: tuple[str, ...] = (env,) if env else (own, *common)
        self._settings = settings

    @property
    def url(self) -> str:
        """Where the database is.

        Raises:
            MissingError: No variable says so.
            EnctestError: It is declared here, and cannot be had, or not so.
        """
        scope = current()
        if scope is not None:
            found = scope.find(self)
            if found is not UNSET:
                return str(found)
        for variable in self.variables:
            if url := os.environ.get(variable):
                return url
        settings = None if scope is None else self.settings
        if scope is not None and settings is not None:
            from enctest.services import managed

            return managed.declared_url(scope, self, settings)
        first, *others = self.variables
        unset = f"{first} and {others[0]} are not set" if others else f"{first} is not set"
        raise MissingError(
            f"Nothing says where the database {self.name} is: {unset}",
            f'Set {first}; for tests, declare it: [tool.enctest.databases.{self.name}] with env = "{first}".',
        )

    @property
    def identity(self) -> str:
        """What it is called in every process."""
        return f"database {self.name}"

    def variables_of(self, url: str) -> dict[str, str]:
        """Return the environment variable that lets a process find the database there."""
        return {self.variables[0]: url}

    @property
    def settings(self) -> DatabaseSettings | None:
        """How it is made, where it is declared here and no variable says where it is.

        Raises:
            EnctestError: It is declared, but not so.
        """
        if not self._settings or any(map(os.environ.get, self.variables)):
            return None
        from enctest.config import database_settings

        return database_settings(self.name, self._settings)

    def __repr__(self) -> str:
        return f"<database {self.name}>"
