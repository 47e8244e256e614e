"""A look at a project's databases from outside, while runs go on: nothing is started."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from enctest.config import DatabaseSettings
from enctest.databases import copies
from enctest.databases.binaries import find
from enctest.databases.cloning import Cloner
from enctest.databases.cluster import ROLE, Cluster
from enctest.databases.datadir import SUPERUSER
from enctest.databases.protocol import Connection, Row, ServerError
from enctest.databases.urls import Location
from enctest.errors import EnctestError

# A run's own has the declared name, with an ending where several run; a worker's has one more.
_IS_THERE = frozenset({"42P04", "23505"})
"""What the server says of a database that somebody else has just made."""
_DATABASES = """
    select d.oid, d.datname, coalesce(c.state, 'run'), coalesce(c.test, ''),
        coalesce(c.template, ''), pg_database_size(d.oid),
        (select count(*) from pg_stat_activity a where a.datid = d.oid)
    from pg_database d left join enctest.copies c on c.oid = d.oid
    where c.database = $1 and c.state in ('used', 'kept')
        or c.oid is null and (d.datname = $1 or starts_with(d.datname, $1 || '_run'))
    order by c.at desc nulls first, d.datname"""
_NEWEST_TEMPLATE = """
    select datname from pg_database where starts_with(datname, $1) and datistemplate and not datallowconn
    order by oid desc limit 1"""


@dataclass(frozen=True)
class Found:
    """A database.

    Attributes:
        database: Its name on the server.
        state: `run` or `used` while a run has it, `kept` when it is what a failed test has left.
        test: Node id of that test.
        template: What it was copied from; empty where that is not noted.
        size: In bytes.
        sessions: How many are connected.
    """

    database: str
    state: str
    test: str
    template: str
    size: int
    sessions: int


class NotNowError(EnctestError):
    """No run has the database; or one makes it anew at this moment."""


class Inspection:
    """What there is of one declared database.

    Args:
        root: The project's root.
        settings: All declared databases.
        name: The one that is meant.

    Raises:
        EnctestError: No run and no explorer has started it.
    """

    def __init__(self, root: Path, settings: Mapping[str, DatabaseSettings], name: str) -> None:
        one = settings[name]
        self._name = name
        self._isolation = one.isolation
        self._binaries = find(one.version, one.bin, root=root)
        kind = (one.version, one.bin)
        tcp = any(other.tcp for other in settings.values() if (other.version, other.bin) == kind)
        cluster = Cluster.running(root, self._binaries, tcp=tcp)
        if cluster is None:
            raise EnctestError(
                f"database {name} is not running", "It runs while enctest-tui, `enctest watch` or a run does."
            )
        self._cluster = cluster
        self._admin = cluster.session()
        copies.prepare(self._admin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._admin.close()
        self._cluster.close()

    def databases(self) -> list[Found]:
        """Return the databases of runs, and those that were kept, the latest first."""
        return [_found(row) for row in self._admin.query(_DATABASES, self._name)]

    def find(self, test: str = "") -> Found:
        """Return what was kept of a test, or the first run's database.

        Raises:
            EnctestError: There is no such thing.
            NotNowError: No run has the database.
        """
        there = self.databases()
        if test:
            kept = [each for each in there if each.state == "kept" and each.test == test]
            if not kept:
                tests = "\n".join(each.test for each in there if each.state == "kept")
                raise EnctestError(
                    f"nothing of {test} was kept", f"Kept are:\n{tests}" if tests else self._why()
                )
            return kept[0]
        named = [each for each in there if each.database == self._name]
        if not named:
            raise NotNowError(f"no run has the database {self._name} now", "See `enctest db list`.")
        return named[0]

    def _why(self) -> str:
        """Return why nothing is kept of any test."""
        if self._isolation == "test":
            return "Nothing is kept: no test that uses it has failed, or what it left was dropped."
        return (
            f'With isolation = "{self._isolation}" no test has a database of its own; '
            f'isolation = "test" in [tool.enctest.databases.{self._name}] keeps what failed tests leave.'
        )

    def location(self, found: Found, *, superuser: bool = False) -> Location:
        """Return where a database is: at the server's unix socket."""
        user = SUPERUSER if superuser else ROLE
        return Location(str(self._cluster.socket_folder), self._cluster.access.port, user, "", found.database)

    def program(self, name: str) -> str:
        """Return the path of a program that came with the server; empty if none did."""
        path = self._binaries.bin / name
        return str(path) if shutil.which(path) else ""

    def template(self, found: Found) -> str:
        """Return the template of a database.

        Raises:
            EnctestError: It is gone.
        """
        prefix = f"template_{self._name[:36]}_"
        name = found.template or self._admin.value(_NEWEST_TEMPLATE, prefix)
        if not name:
            raise EnctestError(f"the template of {self._name} is gone", "It is made at the next run.")
        return name

    def template_copy(self, found: Found) -> Location:
        """Make a copy of a database's template, to compare with; give it to `drop`."""
        name = copies.new_name(self._admin)
        self._cloner().copy(self.template(found), name)
        return replace(self.location(found), name=name)

    def connect(self, database: str) -> Connection:
        """Open a superuser's session with a database."""
        return self._cluster.connect(database)

    def session(self, found: Found) -> Connection:
        """Open a session with a database as the application's role."""
        return self._cluster.connect(found.database, ROLE)

    def drop(self, *databases: str) -> None:
        """Remove databases."""
        for name in databases:
            sql = "delete from enctest.copies where oid = (select oid from pg_database where datname = $1)"
            self._admin.query(sql, name)
            self._cloner().drop(name)

    def reset(self, found: Found) -> None:
        """Make a database anew, from its template."""
        template = self.template(found)
        self.drop(found.database)
        try:
            self._cloner().copy(template, found.database, dressed=True)
        except ServerError as error:
            if error.sqlstate not in _IS_THERE:
                raise  # else a run has just made it anew itself

    def _cloner(self) -> Cloner:
        return Cloner(self._admin, self._binaries.major, ROLE)


def _found(row: Row) -> Found:
    _, database, state, test, template, size, sessions = (value or "" for value in row)
    return Found(database, state, test, template, int(size), int(sessions))
