"""The managed databases of a project: prepared once, a fresh copy for every run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Literal

from enctest.config import DatabaseSettings
from enctest.databases import binaries, folders, plans, urls
from enctest.databases.account import server_account
from enctest.databases.binaries import Binaries
from enctest.databases.folders import Base
from enctest.databases.protocol import ServerError
from enctest.databases.server import explain, group
from enctest.databases.templates import Template
from enctest.errors import EnctestError
from enctest.events import DatabaseStatus
from enctest.paths import Project


@dataclass(frozen=True, eq=False)
class Lease:
    """Databases that one run has for itself.

    Attributes:
        label: Whose they are.
        env: All variables to set before project code is imported.
        urls: URL of each declared database.
        names: Name on the server of each declared database.
    """

    label: str
    env: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What `enctest doctor` tells about databases.

    Attributes:
        servers: Every PostgreSQL there is, the preferred first.
        chosen: The one each declared database uses.
        bases: Where clusters could live, the preferred first.
        problems: What is wrong, each with what to do about it.
    """

    servers: tuple[Binaries, ...]
    chosen: dict[str, Binaries]
    bases: tuple[Base, ...]
    problems: tuple[EnctestError, ...]


class DatabaseManager:
    """Prepares and lends the databases that a project declares. Calls block; any thread may make them.

    Args:
        settings: The databases by name.
        project: The project they belong to.
        on_status: Called with the state of all of them whenever one changes, on the calling thread.
    """

    def __init__(
        self,
        settings: Mapping[str, DatabaseSettings],
        project: Project,
        on_status: Callable[[tuple[DatabaseStatus, ...]], None] = lambda _: None,
    ) -> None:
        self._settings = dict(settings)
        self._root = project.root
        self._on_status = on_status
        self._mutex = RLock()
        self._status = {name: DatabaseStatus(name=name, state="off") for name in self._settings}
        self._templates: dict[str, Template] = {}
        self._leases: set[Lease] = set()
        self._servers = group(
            project.root, {name: (one.version, one.bin, one.tcp) for name, one in self._settings.items()}
        )

    def status(self) -> tuple[DatabaseStatus, ...]:
        """Return the state of every declared database."""
        return tuple(self._status.values())

    def prepare(self) -> None:
        """Start what is needed and migrate; quick when nothing changed. Without databases it does nothing.

        Raises:
            EnctestError: A database cannot be had; the others are prepared all the same.
        """
        with self._mutex:
            self._templates.clear()
            first: EnctestError | None = None
            for name in self._settings:
                try:
                    urls.check(self._settings)
                    self._templates[name] = self._prepare_one(name)
                except EnctestError as error:
                    self._tell(name, "failed", error.title)
                    first = first or error
            if first is not None:
                raise first

    def lease(self, label: str) -> Lease:
        """Make fresh copies of all databases, preparing them if need be.

        Raises:
            EnctestError: They cannot be had.
        """
        with self._mutex:
            if len(self._templates) < len(self._settings):
                self.prepare()
            try:
                lease = self._copy_all(label)
            except (OSError, ServerError):  # the server died, or another process dropped an old template
                self.prepare()
                try:
                    lease = self._copy_all(label)
                except (OSError, ServerError) as error:
                    raise explain(error) from error
            self._leases.add(lease)
            return lease

    def renew(self, lease: Lease) -> Lease:
        """Give copies back and return fresh ones: the same names and variables, unless the server is another.

        Raises:
            EnctestError: They cannot be had.
        """
        with self._mutex:
            try:
                if lease not in self._leases or len(self._templates) < len(self._settings):
                    raise ConnectionError("there is nothing to copy from")
                for name, copy in lease.names.items():
                    self._servers[name].renew(self._templates[name], copy)
            except (OSError, ServerError):
                self.release(lease)
                return self.lease(lease.label)
            return lease

    def release(self, lease: Lease) -> None:
        """Give the copies back; they are dropped in the background."""
        with self._mutex:
            if lease in self._leases:
                self._leases.remove(lease)
                self._drop(lease.names)

    def migration_files(self) -> dict[str, tuple[Path, ...]]:
        """Return the files that make each database, as they are now; none where they cannot be told."""
        return {name: plans.files(name, one, self._root) for name, one in self._settings.items()}

    def touched(self, paths: Iterable[Path]) -> tuple[str, ...]:
        """Return the databases whose migrations any of these files (absolute; new, changed or gone) is."""
        return plans.touched(self._settings, self._root, paths)

    def invalidate(self) -> None:
        """Have the next `prepare` or `lease` look at the migrations again."""
        with self._mutex:
            self._templates.clear()

    def close(self) -> None:
        """Give everything back; when nobody else uses the server, it is gone when this returns."""
        for server in set(self._servers.values()):
            server.close()
        with self._mutex:
            self._templates.clear()
            self._leases.clear()

    def describe(self) -> Report:
        """Look at what is there, starting nothing."""
        problems: list[EnctestError] = []
        chosen: dict[str, Binaries] = {}
        for name in self._settings:
            try:
                chosen[name] = self._servers[name].find()
                plans.make(name, self._settings[name], self._root)
                urls.check(self._settings)
            except EnctestError as error:
                problems.append(error)
        bases = tuple(folders.bases(server_account()))
        if self._settings and (problem := _room(bases)):
            problems.append(problem)
        return Report(tuple(binaries.found()), chosen, bases, tuple(problems))

    def _prepare_one(self, name: str) -> Template:
        server = self._servers[name]
        if self._status[name].state != "ready":
            self._tell(name, "starting")
        plan = plans.make(name, self._settings[name], self._root)
        try:
            about = server.start()
            template = server.template(plan)
            if template is None:
                self._tell(name, "migrating", about)
                server.settle()  # a copy about to go must not keep the application's name from the migrations
                template = server.make_template(plan)
        except (OSError, ServerError) as error:
            raise explain(error) from error
        self._tell(name, "ready", ", ".join([about, plan.about, *server.stand_ins(plan)]))
        return template

    def _copy_all(self, label: str) -> Lease:
        lease = Lease(label)
        try:
            for name, template in self._templates.items():
                server, settings = self._servers[name], self._settings[name]
                lease.names[name] = server.create(template)
                location = server.locate(lease.names[name], tcp=settings.tcp)
                lease.urls[name] = location.url(settings.scheme)
                lease.env.update(urls.variables(settings, location))
        except (OSError, ServerError):
            self._drop(lease.names)
            raise
        return lease

    def _drop(self, names: Mapping[str, str]) -> None:
        for name, copy in names.items():
            self._servers[name].drop_later(copy)

    def _tell(
        self, name: str, state: Literal["off", "starting", "migrating", "ready", "failed"], detail: str = ""
    ) -> None:
        status = DatabaseStatus(name=name, state=state, detail=detail)
        if status != self._status[name]:
            self._status[name] = status
            self._on_status(self.status())


def _room(bases: tuple[Base, ...]) -> EnctestError | None:
    memory = next((base for base in bases if base.in_memory), None)
    other = next((base for base in bases if base.free >= folders.ROOM), None)
    if other is None:
        return EnctestError(
            f"no folder has the {folders.ROOM >> 20} MB that a PostgreSQL cluster needs",
            "Free some space, or point TMPDIR at a folder that has it.",
        )
    if memory and memory is not other and memory.path.is_dir():
        return EnctestError(
            f"{memory.path} has only {memory.free >> 20} MB free, so databases are in {other.path}",
            f"With {folders.ROOM >> 20} MB they are in memory, and quicker (Docker: --shm-size=1g).",
        )
    return None
