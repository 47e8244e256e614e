"""MariaDB: a server of the process's own, from the machine's programs; each copy is made from a dump."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

from enctest.config import DatabaseSettings
from enctest.databases import declarations, migrations
from enctest.databases.mariadb_dump import refill
from enctest.databases.mariadb_server import MariaDBServer, Programs, installations
from enctest.databases.mysql_wire import MySQLError, quoted
from enctest.databases.providers import Copy, StaleError, Tell
from enctest.errors import EnctestError

_USES = frozenset({"version", "bin", "tcp", "migrations", "migration_timeout"})
_ERROR = re.compile(r"ERROR \d+ .*? at line (?P<line>\d+)(?: in file: '.*?')?: (?P<text>.*)", re.DOTALL)


class MariaDB:
    """Provides MariaDB databases; all of one process are on one server, which ends with the process."""

    default_env = "DATABASE_URL"
    fields = ("url", "host", "port", "user", "password", "name", "socket")

    def __init__(self, root: Path, databases: Mapping[str, DatabaseSettings]) -> None:
        self._root = root
        self._settings = dict(databases)
        self._servers: dict[Path, MariaDBServer] = {}
        self._dumps: dict[str, Path] = {}
        self._taken: set[str] = set()

    def look(self, database: str) -> str:
        """Say which programs would serve the database."""
        found = self._find(database)
        migrations.read(self._files(database))
        return f"MariaDB {found.version} from {found.source}, {found.server.parent}"

    def prepare(self, database: str, tell: Tell) -> str:
        """Start the server, migrate a database and dump it."""
        programs = self._find(database)
        todo = migrations.read(self._files(database))
        server = self._server(programs)
        about = f"MariaDB {programs.version} ({programs.source})"
        digest = hashlib.sha256("".join(each.digest() for each in todo).encode()).hexdigest()[:16]
        dump = server.private.folder / f"{hashlib.sha256(database.encode()).hexdigest()[:8]}-{digest}.sql"
        if not dump.exists():
            tell("migrating", about)
            self._migrate(server, database, todo, dump)
        self._dumps[database] = dump
        return f"{about}, {len(todo)} migrations"

    def create(self, database: str) -> Copy:
        """Make a database from the dump."""
        server, dump = self._servers.get(self._find(database).server), self._dumps.get(database)
        if server is None or dump is None or not server.private.is_alive():
            raise StaleError(f"database {database} is not prepared")
        name = next(name for name in _names(database) if name not in self._taken)
        self._fill(server, name, dump)
        self._taken.add(name)
        values = server.values(
            name, self._settings[database].scheme or "mysql", tcp=self._settings[database].tcp
        )
        return Copy(name, values | {"dump": str(dump)}, "enctest.databases.mariadb_dump:reset")

    def renew(self, database: str, copy: Copy) -> None:
        """Make the database anew; who is connected is not any more."""
        server = self._servers.get(self._find(database).server)
        if server is None or not server.private.is_alive() or copy.name not in self._taken:
            raise StaleError("the copy went with its server")
        if copy.values["dump"] != str(self._dumps.get(database)):
            raise StaleError("the migrations changed")
        self._fill(server, copy.name, Path(copy.values["dump"]))

    def drop(self, database: str, copy: Copy) -> None:
        """Remove the database."""
        self._taken.discard(copy.name)
        server = self._servers.get(self._find(database).server)
        if server is not None:
            with suppress(OSError, MySQLError), server.admin() as admin:  # it went with its server
                admin.query(f"drop database if exists {quoted(copy.name)}")

    def close(self) -> None:
        """End the servers."""
        while self._servers:
            self._servers.popitem()[1].private.close()
        self._dumps.clear()
        self._taken.clear()

    def _fill(self, server: MariaDBServer, name: str, dump: Path) -> None:
        try:
            with server.admin() as admin:
                refill(admin, name, dump, end_all=True)
        except MySQLError as error:
            raise EnctestError(f"a MariaDB database cannot be copied: {error}") from error

    def _migrate(
        self, server: MariaDBServer, database: str, todo: tuple[migrations.Migration, ...], dump: Path
    ) -> None:
        """Run the migrations under the application's name, as they may mention it, and dump the result."""
        name = database if database not in self._taken else f"{database}_migrating"
        fresh = dump.with_suffix(".new")
        with server.admin() as admin:
            admin.query(f"drop database if exists {quoted(name)}; create database {quoted(name)}")
            try:
                for each in todo:
                    self._apply(server, each, database, name)
                server.write_dump(name, fresh)
            finally:
                admin.query(f"drop database if exists {quoted(name)}")
        fresh.rename(dump)

    def _apply(
        self, server: MariaDBServer, migration: migrations.Migration, database: str, name: str
    ) -> None:
        seconds = self._settings[database].migration_timeout
        path = migration.path
        shown = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        try:
            said = server.run(name, migration.sql, seconds)
        except subprocess.TimeoutExpired:
            raise EnctestError(
                f"migration of database {database} failed: {shown} was not done after {seconds:.0f} s",
                "`migration-timeout` in pyproject.toml allows more.",
            ) from None
        if said:
            where = _ERROR.search(said)
            line = f", line {where['line']}" if where else ""
            text = " ".join((where["text"] if where else said).split())
            raise EnctestError(
                f"migration of database {database} failed: {shown}{line}: {text}",
                "Mend the file and save; the database is made again.",
            )

    def _server(self, programs: Programs) -> MariaDBServer:
        server = self._servers.get(programs.server)
        if server is not None and not server.private.is_alive():
            self._servers.pop(programs.server).private.close()
            self._taken.clear()
            server = None
        if server is None:
            tcp = any(one.tcp for one in self._settings.values())
            server = self._servers[programs.server] = MariaDBServer(self._root, programs, tcp=tcp)
        return server

    def _files(self, database: str) -> tuple[Path, ...]:
        declared = self._settings[database].migrations
        if not isinstance(declared, str):
            raise EnctestError(
                f"database {database}: MariaDB is migrated by SQL files, not by a command",
                'For example: migrations = "migrations"',
            )
        return migrations.declared(self._root, declared)

    def _find(self, database: str) -> Programs:
        settings = self._settings[database]
        declarations.check(database, settings, uses=_USES)
        found = list(installations(self._root, settings.bin))
        for programs in found:
            if settings.version in {"", programs.version, programs.version.split(".", 1)[0]}:
                return programs
        if found:
            names = ", ".join(f"{each.version} ({each.server.parent})" for each in found)
            raise EnctestError(
                f"no MariaDB {settings.version} was found, only {names}",
                "Install that version, name its folder with `bin`, or change `version`.",
            )
        raise EnctestError(
            "no MariaDB server was found",
            "Install one, such as the package mariadb-server, or name its folder with `bin`.",
        )


def _names(database: str) -> Iterator[str]:
    yield database
    yield from (f"{database}_run{number}" for number in count(2))
