"""The handle of a database: where it is, in production and in tests."""

from __future__ import annotations

import os
import re
from typing import Final

from enctest.services.errors import MissingError
from enctest.services.scope import UNSET, current

_COMMON: Final = "DATABASE_URL"


class Database:
    """A database by name: `shop = Database("shop")`; `shop.url` says where it is now.

    Ask for `url` when you connect, not when the module is imported: in a test it may be another.

    Args:
        name: As in `[tool.enctest.databases.NAME]`.
        env: The variable that holds the URL; SHOP_DATABASE_URL, else DATABASE_URL, unless given.
    """

    def __init__(self, name: str, *, env: str = "") -> None:
        self.name = name
        own = re.sub(r"\W", "_", name).upper() + "_" + _COMMON
        self.variables = (env,) if env else (own, _COMMON)

    @property
    def url(self) -> str:
        """Where the database is.

        Raises:
            MissingError: No variable says so.
        """
        scope = current()
        if scope is not None:
            found = scope.find(self)
            if found is not UNSET:
                return str(found)
        for variable in self.variables:
            if url := os.environ.get(variable):
                return url
        first = self.variables[0]
        raise MissingError(
            f"Nothing says where the database {self.name} is: {' and '.join(self.variables)} are not set",
            f'Set {first}; for tests, declare it: [tool.enctest.databases.{self.name}] with env = "{first}".',
        )

    def __repr__(self) -> str:
        return f"<database {self.name}>"
