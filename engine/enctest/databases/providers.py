"""What an engine of databases has to offer, and how the one that a declaration names is found.

A provider makes copies of the databases that declare its engine: one for each run and worker, fresh.
enctest has some; a team's own is a class, named as `engine = "package.module:Class"`, or by an entry point
of the group `enctest.databases` that has the name of the engine. It is imported by enctest itself, not by the
tests' process, so it has to be importable there; the project's root is on the path while it is imported.
The easy way to one is `server_per_copy.ServerPerCopy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from enctest.config import DatabaseSettings, Env
from enctest.databases.handout import Lent
from enctest.databases.loading import load
from enctest.errors import EnctestError

GROUP = "enctest.databases"
"""The entry points that name providers."""

_SHIPPED = {
    "postgresql": "enctest.databases.postgresql:PostgreSQL",
    "sqlite": "enctest.databases.sqlite:SQLite",
    "valkey": "enctest.databases.valkey:Valkey",
    "redis": "enctest.databases.valkey:Redis",
    "mariadb": "enctest.databases.mariadb:MariaDB",
    "mysql": "enctest.databases.mariadb:MariaDB",
    "s3": "enctest.databases.s3:S3",
}

State: TypeAlias = Literal["off", "starting", "migrating", "ready", "failed"]
Tell: TypeAlias = Callable[[State, str], None]
"""Called with what a database goes through, and a few words about it."""


class StaleError(EnctestError):
    """A copy cannot be made as things are; it may be possible after `prepare`, which is tried once."""


@dataclass(frozen=True)
class Copy:
    """A database that one run has for itself.

    Attributes:
        name: Its name on the server; no two copies that live have the same.
        values: What the templates of `env` may name; `url` is one of them.
        reset: `package.module:function` that makes the copy fresh between two tests, in their process, given
            `values`. Empty where that cannot be; None where the session knows a way of its own.
        inside: Whether the copy is in the memory of the tests' process. Then `reset` makes it there, for the
            first time before anything of the project is imported.
        lent: What the session has to know to hand out PostgreSQL databases itself.
    """

    name: str
    values: Mapping[str, str]
    reset: str | None = ""
    inside: bool = False
    lent: Lent | None = None

    def __post_init__(self) -> None:
        """Look whether the values can be sent to the tests' processes.

        Raises:
            TypeError: One is not text, as a provider of a team's own may have it.
        """
        for key, value in self.values.items():
            if type(value) is not str:
                raise TypeError(f"the value {key!r} of a copy has to be text, not {value!r}")


class Provider(Protocol):
    """Makes copies of the databases of one engine in one project.

    It is made as `Class(root, databases)`: the project's folder and the settings by name; nothing may be
    started or looked for then. Calls come one at a time, from any thread; only `close` may come during
    another call, which should then end soon. All but `close` may raise an EnctestError for what the user
    can put right; an OSError means that the server is gone, and is as good as a StaleError.
    """

    default_env: Env
    """What is set where a declaration has no `env`."""
    fields: tuple[str, ...]
    """What templates in `env` may name: the keys of `Copy.values`."""

    def look(self, database: str) -> str:
        """Say what would serve the database, such as `Valkey 9.1 from PATH, /usr/bin`; start nothing."""
        ...

    def prepare(self, database: str, tell: Tell) -> str:
        """Start what is needed and make what copies are made from; return a few words about it.

        It comes before the first copy, after each change of the declared files, and when a copy cannot be
        made; it has to be quick when there is nothing to do.
        """
        ...

    def create(self, database: str) -> Copy:
        """Make a copy that nobody else uses, in this process or another."""
        ...

    def renew(self, database: str, copy: Copy) -> None:
        """Make a copy as fresh as a new one, under the same name and with the same values.

        Raises:
            StaleError: That cannot be done; another copy is made in its place.
        """
        ...

    def drop(self, database: str, copy: Copy) -> None:
        """Remove a copy, in the background if it takes long; it may be gone already."""
        ...

    def close(self) -> None:
        """Remove all copies and stop everything started; also when nothing was, and again."""
        ...


def provider(engine: str, root: Path, databases: Mapping[str, DatabaseSettings]) -> Provider:
    """Make the provider of an engine.

    Raises:
        EnctestError: There is none of that name, or it cannot be imported or made.
    """
    place = _SHIPPED.get(engine) or _entry_points().get(engine) or engine
    if ":" not in place:
        known = ", ".join(sorted({*_SHIPPED, *_entry_points()}))
        raise EnctestError(
            f"no engine of databases is called {engine!r}",
            f'Known are {known}; one of your own is written as "package.module:Class".',
        )
    with told(engine, "be made"):
        made: Provider = load(place, root)(root, databases)
    return made


@contextmanager
def told(engine: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong in a provider, which may be anybody's code, into words for the user.

    Raises:
        StaleError: The server went away.
        EnctestError: Something else is wrong.
    """
    try:
        yield
    except EnctestError:
        raise
    except OSError as error:
        raise StaleError(
            f"the server of the engine {engine} went away: {error}", "It is started again at the next run."
        ) from error
    except (
        Exception
    ) as error:  # whatever foreign code raises: it is told, with the place, as the user's to mend
        raise EnctestError(
            f"the engine {engine} cannot {what}: {type(error).__name__}: {error}", _place(error)
        ) from error


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"Raised in {trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}." if trace else ""


def _entry_points() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=GROUP)}
