"""Migrated template databases, one per state of the migrations, and copies of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

from enctest.databases.cloning import Cloner
from enctest.databases.cluster import MIGRATOR, ROLE, Cluster
from enctest.databases.datadir import SUPERUSER
from enctest.databases.plans import Plan
from enctest.databases.protocol import ServerError, identifier, literal
from enctest.databases.steps import carry_out
from enctest.errors import EnctestError

_LOCKS = 1701733236
"""First number of our advisory locks; the second is a hash of the name of a database (or template)."""

_KEPT = 3
_LAYOUT = "1"  # of a template; another is another key
_DUPLICATE = "42P04"
_DUPLICATE_OBJECT = "42710"
# A foreign-data wrapper's owner has to be a superuser when it gets it; nobody sees the role being one.
_HAND_OVER = f"""
    reset session authorization; reset role; begin;
    lock table pg_catalog.pg_authid in share row exclusive mode;
    alter role {ROLE} superuser; reassign owned by {MIGRATOR} to {ROLE}; alter role {ROLE} nosuperuser;
    commit"""
# Plain `analyze` does the catalogs too, which takes ten times as long.
_FILLED_TABLES = """
    select string_agg(format('%I.%I', n.nspname, c.relname), ', ')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and c.oid >= 16384 and pg_relation_size(c.oid) > 0"""


@dataclass(frozen=True)
class Template:
    """A sealed database to copy.

    Attributes:
        database: The application's name for it.
        name: The template's own name.
        dressed: Whether the migrations set parameters or rights on the database itself, which copies lack.
    """

    database: str
    name: str
    dressed: bool


def name_of(plan: Plan, version: str, count: int | None = None) -> str:
    """Return the name of the template that has the first `count` steps of a plan (default: all).

    Args:
        plan: Of a database.
        version: The server's.
        count: A number of steps.
    """
    chain = plan.chain()[count if count is not None else -1]
    parts = (_LAYOUT, version, plan.database, chain)
    return _prefix(plan.database) + sha256("\0".join(parts).encode()).hexdigest()[:16]


class Admin:
    """A superuser's session with a cluster, for making and removing databases; for one thread at a time.

    Raises:
        OSError: The server is gone.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.connection = cluster.session()
        self._cloner = Cloner(self.connection, cluster.binaries.major, ROLE)

    def close(self) -> None:
        """End the session; its claims end with it."""
        self.connection.close()

    def is_alive(self) -> bool:
        """Tell whether the server still answers."""
        try:
            return self.connection.value("select 1") == "1"
        except (OSError, ValueError, ServerError):  # ValueError: closed on our side
            return False

    def template(self, plan: Plan) -> Template | None:
        """Return the finished template of a plan, if there is one."""
        return self._sealed(plan.database, self._name(plan))

    def make_template(self, plan: Plan, taken: set[str]) -> Template:
        """Make the template of a plan, or wait for the process that does; `taken` are names of our copies.

        Raises:
            EnctestError: A migration failed.
            OSError: The server is gone.
            ServerError: It refused.
        """
        name = self._name(plan)
        self.connection.query(f"select pg_advisory_lock({_lock(name)})")
        try:
            found = self.template(plan)
            if found is None:
                self._build(plan, name, taken)
                self._drop_older(plan.database, name)
                found = self.template(plan)
        finally:
            self.connection.query(f"select pg_advisory_unlock({_lock(name)})")
        if found is None:
            raise EnctestError(f"the template of database {plan.database} vanished while it was made")
        return found

    def _name(self, plan: Plan, count: int | None = None) -> str:
        return name_of(plan, self._cluster.binaries.version, count)

    def _sealed(self, database: str, name: str) -> Template | None:
        found = self.connection.query(
            "select exists (select from pg_db_role_setting where setdatabase = d.oid) or datacl is not null "
            "from pg_database d where datname = $1 and datistemplate and not datallowconn",
            name,
        )
        return Template(database, name, dressed=found[0][0] == "t") if found else None

    def create(self, template: Template, taken: set[str]) -> str:
        """Make a copy that no other process uses; return its name, which is not in `taken`.

        Raises:
            OSError: The server is gone.
            ServerError: It refused, for example because the disk is full.
        """
        return self._claim(template.database, taken, source=template.name, dressed=template.dressed)

    def renew(self, template: Template, name: str) -> None:
        """Make a copy anew under the name that it has.

        Raises:
            OSError: The server is gone.
            ServerError: It refused, for example because the disk is full.
        """
        self.drop(name)
        self._cloner.copy(template.name, name, dressed=template.dressed)

    def restore(self, template: Template, name: str) -> None:
        """Make a copy under this very name.

        Raises:
            EnctestError: Another process has it.
            OSError: The server is gone.
            ServerError: It refused, for example because the disk is full.
        """
        if self.connection.value(f"select pg_try_advisory_lock({_lock(name)})") != "t":
            raise EnctestError(f"another run has the database {name} by now")
        self.renew(template, name)

    def drop(self, database: str) -> None:
        """Remove a database; sessions still on it are ended first."""
        self._cloner.drop(database)

    def unclaim(self, database: str) -> None:
        """Let other processes use the name again."""
        self.connection.query(f"select pg_advisory_unlock({_lock(database)})")

    def _build(self, plan: Plan, template: str, taken: set[str]) -> None:
        """Make a template; roles that an earlier state of the migrations made do not stand in the way."""
        freed: set[str] = set()
        while True:
            try:
                return self._build_once(plan, template, taken)
            except EnctestError as error:
                role = _role_in_the_way(error)
                if role is None or role in freed:
                    raise
                freed.add(role)
                self._rename_role(role)

    def _rename_role(self, role: str) -> None:
        """Free the name of a role: it belongs to the whole server, and older databases still refer to it."""
        number = self.connection.value("select oid from pg_roles where rolname = $1", role)
        new = identifier(f"{role[:40]}_{number}")
        self.connection.query(f"alter role {identifier(role)} rename to {new}")

    def _build_once(self, plan: Plan, template: str, taken: set[str]) -> None:
        """Make the template from the nearest one that has some of the steps; seeds start from one without."""
        begun, start = self._nearest(plan)
        between = len(plan.migrations)
        if plan.seeds and begun < between:
            name = self._name(plan, between)
            self._migrate(plan, begun, between, start, name, taken)
            begun, start = between, self._sealed(plan.database, name)
        self._migrate(plan, begun, len(plan.steps), start, template, taken)

    def _nearest(self, plan: Plan) -> tuple[int, Template | None]:
        """Return how many of the first steps some template has, and that template."""
        sealed = "select datname from pg_database where datistemplate and not datallowconn"
        there = {name for (name,) in self.connection.query(sealed)}
        for count_ in range(len(plan.steps) - 1, 0, -1):
            name = self._name(plan, count_)
            if name in there and (found := self._sealed(plan.database, name)):
                return count_, found
        return 0, None

    def _migrate(
        self, plan: Plan, first: int, end: int, start: Template | None, template: str, taken: set[str]
    ) -> None:
        """Run steps under the application's name, as they may mention it, then rename and seal."""
        database = self._claim(plan.database, taken, source=start.name if start else "template0")
        if start and start.dressed:
            self._cloner.dress(start.name, database)
        try:
            try:
                carry_out(self._cluster, plan, first, end, database)
                with self._cluster.connect(database, MIGRATOR) as connection:
                    connection.query(_HAND_OVER)
                    if tables := connection.value(_FILLED_TABLES):
                        connection.query(f"analyze {tables}")
            except (EnctestError, ServerError):
                self.drop(database)
                raise
            self._cloner.evict(database)
            self.connection.query(f"alter database {identifier(database)} is_template true")
            self.connection.query(f"alter database {identifier(database)} rename to {identifier(template)}")
        finally:
            self.unclaim(database)

    def _claim(self, wanted: str, taken: set[str], *, source: str, dressed: bool = False) -> str:
        """Copy `source` under the first free name; what a dead process left under it is dropped.

        Our own names are in `taken`, as the lock is granted again to a session that has it.
        """
        for name in _names(wanted):
            if name in taken or self.connection.value(f"select pg_try_advisory_lock({_lock(name)})") != "t":
                continue
            try:
                self._cloner.copy(source, name, dressed=dressed)
            except ServerError as error:
                if error.sqlstate != _DUPLICATE:
                    self.unclaim(name)
                    raise
                self.drop(name)
                self._cloner.copy(source, name, dressed=dressed)
            return name
        raise AssertionError("names never end")

    def _drop_older(self, database: str, newest: str) -> None:
        """Keep the templates of a few earlier states only (a branch switched back to is one)."""
        older = self.connection.query(
            "select datname from pg_database where datname ~ $1 and datistemplate and datname <> $2 "
            "order by oid desc offset $3::int",
            f"^{re.escape(_prefix(database))}[0-9a-f]{{16}}$",
            newest,
            str(_KEPT - 1),
        )
        for (name,) in older:
            if name is not None:
                with contextlib.suppress(ServerError):  # another process is copying it: next time
                    self.drop(name)


def _role_in_the_way(error: EnctestError) -> str | None:
    """Return the role that a migration could not make because it exists, if that is what went wrong."""
    cause = error.__cause__
    if not isinstance(cause, ServerError) or cause.sqlstate != _DUPLICATE_OBJECT:
        return None
    match = re.fullmatch(r'role "(.*)" already exists', cause.message)
    return match[1] if match and match[1] not in {ROLE, MIGRATOR, SUPERUSER} else None


def _names(wanted: str) -> Iterator[str]:
    yield wanted
    yield from (f"{wanted}_run{number}" for number in count(2))


def _prefix(database: str) -> str:
    return f"template_{database[:36]}_"


def _lock(name: str) -> str:
    return f"{_LOCKS}, hashtext({literal(name)})"
