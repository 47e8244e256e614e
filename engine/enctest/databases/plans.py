"""What one database is made of: migrations, then seeds, each a step with a hash."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from enctest.config import DatabaseSettings
from enctest.databases import sources
from enctest.databases.sources import Step, Tool
from enctest.errors import EnctestError

_SUFFIXES = {".py", ".sql"}


@dataclass(frozen=True)
class Plan:
    """A database to make.

    Attributes:
        database: Its name in the application.
        settings: What the project says of it.
        root: The project's root.
        migrations: What makes its tables.
        seeds: What fills them.
    """

    database: str
    settings: DatabaseSettings
    root: Path
    migrations: tuple[Step, ...]
    seeds: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Everything to do, in order."""
        return self.migrations + self.seeds

    @property
    def about(self) -> str:
        """The plan in a few words."""
        tool = next((step for step in self.migrations if isinstance(step, Tool)), None)
        made = f"migrated by {tool}" if tool else f"{len(self.migrations)} migrations"
        return f"{made}, seeded" if self.seeds else made

    def chain(self) -> tuple[str, ...]:
        """Return a hash for each number of steps, from none to all: everything that went in up to there."""
        return self._chain

    @cached_property
    def _chain(self) -> tuple[str, ...]:
        chain = [sha256(b"").hexdigest()]
        for number, step in enumerate(self.steps):
            kind = "migration" if number < len(self.migrations) else "seed"
            parts = [chain[-1], kind, step.digest()]
            if isinstance(step, Tool):
                parts.append(_distributions())
            chain.append(sha256("\0".join(parts).encode()).hexdigest())
        return tuple(chain)


def make(database: str, settings: DatabaseSettings, root: Path) -> Plan:
    """Return the plan of a database, from the files as they are now.

    Raises:
        EnctestError: The settings name files that are not there or cannot be read.
    """
    return Plan(
        database,
        settings,
        root,
        sources.steps(root, settings.migrations, more=settings.migration_files),
        sources.steps(root, settings.seed, more=settings.seed_files, what="seed"),
    )


def files(database: str, settings: DatabaseSettings, root: Path) -> tuple[Path, ...]:
    """Return the files that decide what is in a database; none where they cannot be told."""
    try:
        plan = make(database, settings, root)
    except EnctestError:
        return ()  # who prepares the database says why
    return tuple(dict.fromkeys(path for step in plan.steps for path in step.files))


def touched(databases: dict[str, DatabaseSettings], root: Path, paths: Iterable[Path]) -> tuple[str, ...]:
    """Return the databases that any of these files (absolute; new, changed or gone) belongs to."""
    changed = set(paths)
    return tuple(name for name, settings in databases.items() if _reaches(name, settings, root, changed))


def _reaches(name: str, settings: DatabaseSettings, root: Path, changed: set[Path]) -> bool:
    mine = set(files(name, settings, root))
    if changed & mine:
        return True
    places = {root / one for one in (settings.migrations, settings.seed) if isinstance(one, str) and one}
    folders = places | {path.parent for path in mine}
    others = [path for path in changed if path in places or path.suffix in _SUFFIXES]
    if mine:
        others = [path for path in others if not path.exists()]  # it may have been one
    return any(path.is_relative_to(folder) for path in others for folder in folders - {root})


def _distributions() -> str:
    """Return a key of the installed distributions: the tools themselves, and migrations that they bring."""
    import sys

    from enctest.selection.scan import environment_key

    return environment_key(Path(folder) for folder in sys.path if folder.endswith("-packages"))
