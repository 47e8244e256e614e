"""Tells what a declaration says and its engine does not know, rather than passing it over."""

from __future__ import annotations

from collections.abc import Mapping

from enctest.config import DatabaseSettings
from enctest.errors import EnctestError

_COMMON = frozenset({"engine", "env", "scheme", "isolation", "options"})
"""Settings that are every engine's."""


def check(
    database: str,
    settings: DatabaseSettings,
    *,
    uses: frozenset[str] = frozenset(),
    options: Mapping[str, type] | None = None,
) -> None:
    """Look for settings and options that would have no effect.

    Args:
        database: Its name.
        settings: Its declaration.
        uses: Settings that the engine heeds, beside those of every engine.
        options: Its `options`, with their types.

    Raises:
        EnctestError: There is one, or an option is of another type.
    """
    plain, known = DatabaseSettings(), options or {}
    for field in settings.__struct_fields__:
        if field not in _COMMON | uses and getattr(settings, field) != getattr(plain, field):
            raise EnctestError(
                f"`{field}` of database {database} means nothing to the engine {settings.engine}",
                "Leave it out.",
            )
    for name, value in settings.options.items():
        if name not in known:
            raise EnctestError(
                f"database {database} has the unknown option {name!r}", _hint(name, settings, known)
            )
        if type(value) is not known[name]:
            raise EnctestError(
                f"option {name} of database {database} is not of type {known[name].__name__}: {value!r}",
                "Mend it in pyproject.toml.",
            )


def _hint(name: str, settings: DatabaseSettings, known: Mapping[str, type]) -> str:
    if name.replace("-", "_") in settings.__struct_fields__:
        return f"`{name}` belongs beside `options`, not into it."
    return f"The engine {settings.engine} knows {', '.join(known)}." if known else "Leave it out."
