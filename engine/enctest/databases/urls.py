"""What tests get to know of their databases: URLs and environment variables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from enctest.config import DatabaseSettings, Env
from enctest.errors import EnctestError

_FIELD = re.compile(r"\{([a-z_]+)\}")
_LONGEST_NAME = 36
"""Bytes; PostgreSQL takes 63, and templates have a prefix and a hash too."""

FIELDS = ("url", "host", "port", "user", "password", "name")
"""What is known of a location."""


@dataclass(frozen=True)
class Location:
    """Where a database is; `host` is an address, or the folder of a unix socket."""

    host: str
    port: int
    user: str
    password: str
    name: str

    def url(self, scheme: str) -> str:
        """Return the URL, in the form that libpq, asyncpg and SQLAlchemy all read."""
        user = quote(self.user, safe="")
        path = quote(self.name, safe="")
        if self.host.startswith("/"):
            return f"{scheme}://{user}@/{path}?host={quote(self.host)}&port={self.port}"
        return f"{scheme}://{user}:{quote(self.password, safe='')}@{self.host}:{self.port}/{path}"

    def values(self, scheme: str) -> dict[str, str]:
        """Return all of `FIELDS`."""
        values = (self.url(scheme), self.host, str(self.port), self.user, self.password, self.name)
        return dict(zip(FIELDS, values, strict=True))


def variables(env: Env, values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that a declaration's `env` asks for."""
    templates = _templates(env)
    return {key: _FIELD.sub(lambda match: values[match[1]], text) for key, text in templates.items()}


def of_postgresql(settings: DatabaseSettings, location: Location) -> dict[str, str]:
    """Return the variables that lead to a PostgreSQL database at a location."""
    return variables(env_of_postgresql(settings), location.values(settings.scheme or "postgresql"))


def env_of_postgresql(settings: DatabaseSettings) -> Env:
    """Return what a declaration's `env` is, or stands for."""
    return "DATABASE_URL" if settings.env is None else settings.env


def check(databases: Mapping[str, tuple[Env, Sequence[str]]]) -> None:
    """Check what types cannot say, of each database's `env` and the fields that it may name.

    Raises:
        EnctestError: Two databases set one variable, a template names an unknown field, or a name is no name.
    """
    for name in databases:
        if not 0 < len(name.encode()) <= _LONGEST_NAME or "\0" in name:
            raise EnctestError(
                f"{name!r} cannot be the name of a database", f"It may have 1 to {_LONGEST_NAME} bytes."
            )
    counts = Counter(variable for env, _ in databases.values() for variable in _templates(env))
    for variable, number in counts.items():
        if number > 1:
            raise EnctestError(
                f"{number} databases set the variable {variable}",
                "Give each its own with `env` in [tool.enctest.databases.NAME].",
            )
    for name, (env, fields) in databases.items():
        for variable, text in _templates(env).items():
            unknown = sorted(set(_FIELD.findall(text)) - set(fields))
            if unknown:
                raise EnctestError(
                    f"`env` of database {name}: {variable} names the unknown field {{{unknown[0]}}}",
                    "Known are " + ", ".join(f"{{{field}}}" for field in fields) + ".",
                )


def _templates(env: Env) -> Mapping[str, str]:
    if isinstance(env, str):
        return {env: "{url}"}
    if isinstance(env, list):
        return dict.fromkeys(env, "{url}")
    return env
