"""PostgreSQL: a cluster of the project's own, a migrated template, a fast copy of it for each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from enctest.config import DatabaseSettings
from enctest.databases import declarations, folders, plans
from enctest.databases.account import server_account
from enctest.databases.handout import Lent
from enctest.databases.plans import Plan
from enctest.databases.protocol import ServerError
from enctest.databases.providers import Copy, StaleError, Tell
from enctest.databases.server import Server, explain, group
from enctest.databases.templates import Template
from enctest.databases.urls import FIELDS
from enctest.errors import EnctestError

_USES = frozenset(DatabaseSettings.__struct_fields__)


class PostgreSQL:
    """Provides PostgreSQL databases; those that ask for the same programs share a server."""

    default_env = "DATABASE_URL"
    fields = FIELDS

    def __init__(self, root: Path, databases: Mapping[str, DatabaseSettings]) -> None:
        self._root = root
        self._settings = dict(databases)
        self._templates: dict[str, Template] = {}
        self._servers = group(
            root, {name: (one.version, one.bin, one.tcp) for name, one in databases.items()}
        )

    def look(self, database: str) -> str:
        """Say which programs would serve the database."""
        declarations.check(database, self._settings[database], uses=_USES)
        found = self._servers[database].find()
        plans.make(database, self._settings[database], self._root)
        folders.choose(server_account())
        return f"PostgreSQL {found.version} from {found.source}, {found.bin}"

    def prepare(self, database: str, tell: Tell) -> str:
        """Start the server and migrate."""
        declarations.check(database, self._settings[database], uses=_USES)
        if self._settings[database].isolation == "transaction" and self._settings[database].tcp:
            raise EnctestError(
                f'database {database}: isolation = "transaction" needs the unix socket', "Leave out `tcp`."
            )
        server = self._servers[database]
        plan = plans.make(database, self._settings[database], self._root)
        with _stale():
            about = server.start(self._plans(server, plan))
            template = server.template(plan)
            if template is None:
                tell("migrating", about)
                server.settle()  # a copy about to go must not keep the application's name from the migrations
                template = server.make_template(plan)
            if self._settings[database].isolation == "test":
                server.fill(template, self._settings[database].pool)
            notices = server.stand_ins(plan)
        self._templates[database] = template
        return ", ".join([about, plan.about, *notices])

    def _plans(self, server: Server, known: Plan) -> Iterator[Plan]:
        """Yield the plans of a server's databases; what is wrong with one is told when its turn comes."""
        yield known
        for name, other in self._servers.items():
            if other is server and name != known.database:
                with suppress(EnctestError):
                    yield plans.make(name, self._settings[name], self._root)

    def create(self, database: str) -> Copy:
        """Copy the template."""
        server, settings = self._servers[database], self._settings[database]
        with _stale():
            name = server.create(self._templates[database])
            try:
                if settings.isolation == "transaction":
                    server.relay(name)
                location = server.locate(name, tcp=settings.tcp)
                lent = server.lent(self._templates[database], name, settings)
            except (OSError, EnctestError):
                server.drop_later(name)
                raise
        return Copy(name, location.values(settings.scheme or "postgresql"), reset=None, lent=lent)

    def restore(self, database: str, name: str) -> Lent:
        """Copy the template under the name that a copy had on a server that has died."""
        server, template = self._servers[database], self._templates[database]
        with _stale():
            server.restore(template, name)
            return server.lent(template, name, self._settings[database])

    def renew(self, database: str, copy: Copy) -> None:
        """Copy the template anew under the same name."""
        with _stale():
            self._servers[database].renew(self._templates[database], copy.name)

    def drop(self, database: str, copy: Copy) -> None:
        """Drop a copy in the background."""
        self._servers[database].drop_later(copy.name)

    def close(self) -> None:
        """Leave the servers; what still runs is interrupted."""
        for server in set(self._servers.values()):
            server.close()


@contextmanager
def _stale() -> Iterator[None]:
    """A server that went away, or refuses, may do better after it was prepared again."""
    try:
        yield
    except (OSError, ServerError) as error:
        told = explain(error)
        raise StaleError(told.title, told.hint) from error
