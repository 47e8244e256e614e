"""The managed databases of a project: prepared once, a fresh copy for every run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

import msgspec

from enctest.config import DatabaseSettings, Env
from enctest.databases import handout, plans, urls
from enctest.databases.handout import Lent
from enctest.databases.providers import Copy, Provider, StaleError, State, provider, told
from enctest.databases.resets import VARIABLE, Reset
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
        copies: All that is known of them.
    """

    label: str
    env: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    copies: dict[str, Copy] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What `enctest doctor` tells about databases.

    Attributes:
        chosen: What would serve each declared database.
        problems: What is wrong, each with what to do about it.
    """

    chosen: dict[str, str]
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
        self._prepared: set[str] = set()
        self._leases: set[Lease] = set()
        self._providers: dict[str, Provider] = {}
        self._closed = False

    def status(self) -> tuple[DatabaseStatus, ...]:
        """Return the state of every declared database."""
        return tuple(self._status.values())

    def prepare(self) -> None:
        """Start what is needed and migrate; quick when nothing changed. Without databases it does nothing.

        Raises:
            EnctestError: A database cannot be had; the others are prepared all the same.
        """
        with self._mutex:
            self._prepared.clear()
            first: EnctestError | None = None
            for name in self._settings:
                try:
                    self._check()
                    self._prepare_one(name)
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
            if len(self._prepared) < len(self._settings):
                self.prepare()
            try:
                lease = self._copy_all(label)
            except StaleError:  # the server died, or another process dropped an old template
                self.prepare()
                lease = self._copy_all(label)
            self._leases.add(lease)
            return lease

    def renew(self, lease: Lease) -> Lease:
        """Give copies back and return fresh ones: the same names and variables, unless the server is another.

        Raises:
            EnctestError: They cannot be had.
        """
        with self._mutex:
            try:
                if lease in self._leases and len(self._prepared) == len(self._settings):
                    self._renew_all(lease)
                    return lease
            except StaleError:
                pass  # the server died: there is nothing to copy from
            self.release(lease)
            return self.lease(lease.label)

    def release(self, lease: Lease) -> None:
        """Give the copies back; they are dropped in the background."""
        with self._mutex:
            if lease in self._leases:
                self._leases.remove(lease)
                self._drop(lease.copies)

    def migration_files(self) -> dict[str, tuple[Path, ...]]:
        """Return the files that make each database, as they are now; none where they cannot be told."""
        return {name: plans.files(name, one, self._root) for name, one in self._settings.items()}

    def touched(self, paths: Iterable[Path]) -> tuple[str, ...]:
        """Return the databases whose migrations any of these files (absolute; new, changed or gone) is."""
        return plans.touched(self._settings, self._root, paths)

    def invalidate(self) -> None:
        """Have the next `prepare` or `lease` look at the migrations again."""
        with self._mutex:
            self._prepared.clear()

    def close(self) -> None:
        """Give everything back; when nobody else uses the server, it is gone when this returns."""
        self._closed = True
        self._close_providers()  # not under the mutex: they end what is under way
        with self._mutex:
            self._close_providers()  # one that another thread was about to use
            self._prepared.clear()
            self._leases.clear()

    def describe(self) -> Report:
        """Look at what is there, starting nothing."""
        problems: dict[str, EnctestError] = {}
        chosen: dict[str, str] = {}
        for name, one in self._settings.items():
            try:
                with told(one.engine, "look around"):
                    chosen[name] = self._provider(name).look(name)
                self._check()
            except EnctestError as error:
                problems.setdefault(error.title, error)
        return Report(chosen, tuple(problems.values()))

    def _close_providers(self) -> None:
        first: EnctestError | None = None
        for engine, made in list(self._providers.items()):
            try:
                with told(engine, "be closed"):
                    made.close()
            except EnctestError as error:
                first = first or error
        if first is not None:
            raise first

    def _check(self) -> None:
        known: dict[str, tuple[Env, Sequence[str]]] = {}
        for name, one in self._settings.items():
            # There is no such engine, or it lacks something: told of the database that names it.
            with suppress(EnctestError), told(one.engine, "say what it sets"):
                known[name] = (self._env(name), self._provider(name).fields)
        urls.check(known)

    def _prepare_one(self, name: str) -> None:
        if self._status[name].state != "ready":
            self._tell(name, "starting")

        def tell(state: State, detail: str) -> None:
            self._tell(name, state, detail)

        with told(self._settings[name].engine, "be prepared"):
            detail = self._provider(name).prepare(name, tell)
        self._prepared.add(name)
        self._tell(name, "ready", detail)

    def _provider(self, name: str) -> Provider:
        """Return the provider of a database; made when it is first needed, as what it imports may fail."""
        engine = self._settings[name].engine
        with self._mutex:
            if self._closed:
                raise EnctestError("the managed databases are closed")
            if engine not in self._providers:
                mine = {other: one for other, one in self._settings.items() if one.engine == engine}
                self._providers[engine] = provider(engine, self._root, mine)
            return self._providers[engine]

    def _env(self, name: str) -> Env:
        declared = self._settings[name].env
        return self._provider(name).default_env if declared is None else declared

    def _copy_all(self, label: str) -> Lease:
        lease = Lease(label)
        lent: list[Reset] = []
        handed: list[Lent] = []
        try:
            for name, one in self._settings.items():
                with told(one.engine, "make a copy"):
                    copy = lease.copies[name] = self._provider(name).create(name)
                    lease.names[name] = copy.name
                    lease.urls[name] = copy.values["url"]
                    variables = urls.variables(self._env(name), copy.values)
                lease.env.update(variables)
                lent += self._reset(name, copy, tuple(variables))
                handed += [copy.lent] if copy.lent is not None else []
        except EnctestError:
            self._drop(lease.copies)
            raise
        if lent:
            lease.env[VARIABLE] = msgspec.json.encode(lent).decode()
        if handed:
            lease.env[handout.VARIABLE] = handout.written(handed)
        return lease

    def _reset(self, name: str, copy: Copy, variables: tuple[str, ...]) -> list[Reset]:
        """Return what the processes that run tests are to know of a copy, if it is their business.

        Raises:
            EnctestError: Tests are to have it fresh, and it cannot be made so.
        """
        settings = self._settings[name]
        if copy.reset is None:
            return []
        if settings.isolation != "shared" and not copy.reset:
            raise EnctestError(
                f"database {name} cannot have isolation = {settings.isolation!r}",
                f"The engine {settings.engine} has no way to make a database fresh between two tests.",
            )
        return [
            Reset(
                name=name,
                isolation=settings.isolation,
                call=copy.reset,
                root=str(self._root),
                values=copy.values,
                variables=variables,
                inside=copy.inside,
            )
        ]

    def _renew_all(self, lease: Lease) -> None:
        for name, copy in lease.copies.items():
            with told(self._settings[name].engine, "renew a copy"):
                self._provider(name).renew(name, copy)

    def _drop(self, copies: Mapping[str, Copy]) -> None:
        for name, copy in copies.items():
            engine = self._settings[name].engine
            with suppress(StaleError), told(engine, "drop a copy"):  # it went with its server
                self._providers[engine].drop(name, copy)

    def _tell(self, name: str, state: State, detail: str = "") -> None:
        status = DatabaseStatus(name=name, state=state, detail=detail)
        if status != self._status[name]:
            self._status[name] = status
            self._on_status(self.status())
