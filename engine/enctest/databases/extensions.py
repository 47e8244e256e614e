"""Extensions that migrations ask for: whether the server has them, and what to install if not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from enctest.databases.binaries import Binaries
from enctest.databases.migrations import Migration
from enctest.databases.plans import Plan
from enctest.databases.protocol import Connection
from enctest.databases.sources import Step
from enctest.databases.stand_ins import STAND_IN
from enctest.errors import EnctestError

_CREATE = re.compile(
    r"\bcreate\s+extension\s+(?:if\s+not\s+exists\s+)?(?:\"(?P<quoted>[^\"]+)\"|(?P<plain>[\w-]+))",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_DEBIAN = {
    "postgis": "postgresql-{major}-postgis-3",
    "postgis_topology": "postgresql-{major}-postgis-3",
    "vector": "postgresql-{major}-pgvector",
    "pg_cron": "postgresql-{major}-cron",
    "pg_partman": "postgresql-{major}-partman",
    "hypopg": "postgresql-{major}-hypopg",
    "pgrouting": "postgresql-{major}-pgrouting",
    "rum": "postgresql-{major}-rum",
    "plpython3u": "postgresql-plpython3-{major}",
}
_CONTRIB = {
    "pgcrypto", "uuid-ossp", "citext", "hstore", "ltree", "pg_trgm", "unaccent", "btree_gin", "btree_gist",
    "tablefunc", "intarray", "cube", "earthdistance", "fuzzystrmatch", "xml2", "postgres_fdw", "dblink",
}  # fmt: skip


def asked_for(steps: Iterable[Step]) -> tuple[str, ...]:
    """Return the extensions that SQL files, or the Python files of a tool, create by name."""
    names: dict[str, None] = {}
    for step in steps:
        for text in [step.sql] if isinstance(step, Migration) else map(_text, step.files):
            for match in _CREATE.finditer(_COMMENT.sub(" ", text)):
                names[match["quoted"] or match["plain"].lower()] = None
    return tuple(names)


def check_extensions(connection: Connection, binaries: Binaries, plan: Plan, steps: Iterable[Step]) -> None:
    """Look for the extensions before anything runs.

    Raises:
        EnctestError: The server lacks one; the message names it, and what to install.
    """
    for name in asked_for(steps):
        if connection.value("select 1 from pg_available_extensions where name = $1", name):
            continue
        raise EnctestError(
            f"migrations of database {plan.database} need the extension {name}, "
            f"which PostgreSQL {binaries.version} ({binaries.source}) lacks",
            _advice(name, binaries),
        )


def stand_ins(connection: Connection, steps: Iterable[Step]) -> tuple[str, ...]:
    """Return the extensions among those asked for that are stand-ins here."""
    asked = asked_for(steps)
    find = "select 1 from pg_available_extensions where name = $1 and comment like $2"
    return tuple(name for name in asked if connection.value(find, name, f"{STAND_IN}%"))


def _advice(name: str, binaries: Binaries) -> str:
    package = _DEBIAN.get(name, "").format(major=binaries.major)
    if not package and name in _CONTRIB:
        package = f"postgresql-{binaries.major}"
    known = f" (Debian and Ubuntu: apt install {package})" if package else ""
    if binaries.source.startswith("wheel"):
        known = known.replace(f"-{binaries.major}", "-NN")
        return f"Install a PostgreSQL that has it{known}; it is found by itself, or named with `bin`."
    return f"Install it for the server in {binaries.bin}{known}, or name another one with `bin`."


def _text(path: Path) -> str:
    if path.suffix not in {".py", ".sql"}:
        return ""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # gone: who runs the tool says so
