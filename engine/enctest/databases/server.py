"""One cluster as this process uses it: started when needed, again when it died, cleaned in the background."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import RLock

from enctest.config import DatabaseSettings
from enctest.databases import copies, images, own, supervisor, urls
from enctest.databases.binaries import Binaries, find
from enctest.databases.cluster import ROLE, Cluster
from enctest.databases.extensions import stand_ins
from enctest.databases.filling import Filling
from enctest.databases.handout import SUPERUSER, Lent
from enctest.databases.plans import Plan
from enctest.databases.protocol import ServerError
from enctest.databases.relaying import Relaying
from enctest.databases.templates import Admin, Template, name_of
from enctest.databases.urls import Location
from enctest.errors import EnctestError

_PATIENCE = 0.1
"""Seconds that closing waits for work in another thread before it interrupts it."""


class Server:
    """A cluster and our sessions with it; methods may be called from any thread.

    Args:
        root: The project's root.
        version: Major version asked for, or empty.
        bin_folder: The programs' folder, or empty.
        tcp: Also listen on 127.0.0.1.
    """

    def __init__(self, root: Path, version: str, bin_folder: str, *, tcp: bool) -> None:
        self._root = root
        self._version = version
        self._bin = bin_folder
        self._tcp = tcp
        self._mutex = RLock()
        self._cluster: Cluster | None = None
        self._admin: Admin | None = None
        self._closed = False
        self._wanted: list[str] = []
        self._wishes: dict[str, tuple[Template, int]] = {}
        self._taken: set[str] = set()
        self._last_drop: Future[None] | None = None
        self._filling: Filling | None = None
        self._relays: dict[str, Relaying] = {}
        self._cleaner = ThreadPoolExecutor(1, thread_name_prefix="enctest-databases")

    def find(self) -> Binaries:
        """Return the programs this server has or would have.

        Raises:
            EnctestError: There are none.
        """
        return find(self._version, self._bin, root=self._root)

    def start(self, plans: Iterable[Plan] = ()) -> str:
        """Make sure that the server runs; return a description of it.

        Args:
            plans: Of all databases that it is to have.

        Raises:
            EnctestError: It cannot be started.
        """
        with self._mutex:
            if self._closed:
                raise EnctestError("the managed databases are closed")
            if self._admin is None or self._cluster is None or not self._admin.is_alive():
                self._disconnect()
                binaries = self.find()
                self._wanted = sorted({name_of(plan, binaries.version) for plan in plans})
                self._cluster = Cluster.join(self._root, binaries, tcp=self._tcp, templates=self._wanted)
                self._admin = Admin(self._cluster)
            binaries = self._cluster.binaries
            place = "in memory" if self._cluster.in_memory else f"in {self._cluster.folder.parent}"
            return f"PostgreSQL {binaries.version} ({binaries.source}), {place}"

    def template(self, plan: Plan) -> Template | None:
        """Return the template of a plan, if there is one.

        Raises:
            OSError: The server is gone.
            ServerError: It refused.
        """
        with self._mutex:
            return self._session.template(plan)

    def make_template(self, plan: Plan) -> Template:
        """Make the template of a plan, or wait for the process that does.

        Raises:
            EnctestError: A migration failed.
            OSError: The server is gone.
            ServerError: It refused.
        """
        with self._mutex:
            return self._session.make_template(plan, self._taken)

    def stand_ins(self, plan: Plan) -> list[str]:
        """Return a notice for each extension of a plan that the server has only a stand-in for."""
        with self._mutex:
            names = stand_ins(self._session.connection, plan.steps)
        return [f"a stand-in for the extension {name}" for name in names]

    def create(self, template: Template) -> str:
        """Make a copy of a template and return its name.

        Raises:
            OSError: The server is gone.
            ServerError: It refused.
        """
        with self._mutex:
            self._keep()
            name = self._session.create(template, self._taken)
            self._taken.add(name)
            self._fill()
            return name

    def restore(self, template: Template, name: str) -> None:
        """Make a copy under a name that was ours on a server that has died.

        Raises:
            EnctestError: Another process has taken the name.
            OSError: The server is gone.
            ServerError: It refused.
        """
        with self._mutex:
            self._session.restore(template, name)
            self._taken.add(name)

    def renew(self, template: Template, name: str) -> None:
        """Make a copy anew under the name that it has.

        Raises:
            OSError: The server is gone, or is another one than the copy was made on.
            ServerError: It refused.
        """
        with self._mutex:
            if name not in self._taken:
                raise ConnectionError("the copy went with its server")
            for used in copies.disown(self._session.connection, name):
                self.drop_later(used)
            self._session.renew(template, name)

    def fill(self, template: Template, number: int) -> None:
        """Have so many copies of a template ready, always, made in the background; from the first copy on."""
        with self._mutex:
            self._wishes[template.database] = template, number

    def lent(self, template: Template, name: str, settings: DatabaseSettings) -> Lent:
        """Return what a worker has to know of a copy.

        Raises:
            OSError: The server is gone.
        """
        if self._cluster is None:
            raise ConnectionError("the server is not started")
        anywhere = self.locate(own.NAME, tcp=settings.tcp, of=name)
        superuser = replace(self.locate(own.NAME, tcp=False), user=SUPERUSER)
        scheme = settings.scheme or "postgresql"
        return Lent(
            name=template.database,
            database=name,
            template=template.name,
            dressed=template.dressed,
            socket=str(self._cluster.socket),
            log=str(self._cluster.log),
            port=self._cluster.access.port if self._tcp else 0,
            major=self._cluster.binaries.major,
            owner=ROLE,
            isolation="test" if settings.isolation == "test" else "shared",
            relay=str(self._relays[name].folder) if name in self._relays else "",
            variables=urls.of_postgresql(settings, anywhere),
            url=anywhere.url(scheme),
            superuser_url=superuser.url(scheme),
        )

    def relay(self, name: str) -> None:
        """Put a relay between applications and a copy.

        Raises:
            EnctestError: It does not start.
            OSError: The server is gone.
        """
        with self._mutex:
            if self._cluster is None:
                raise ConnectionError("the server is not started")
            self._relays[name] = Relaying(self._cluster)

    def locate(self, name: str, *, tcp: bool, of: str = "") -> Location:
        """Return where a database is, or the copy `of` if that has another name.

        Raises:
            OSError: The server is gone.
        """
        if self._cluster is None:
            raise ConnectionError("the server is not started")
        access = self._cluster.access
        if tcp:
            return Location("127.0.0.1", access.port, ROLE, access.password, name)
        relay = self._relays.get(of or name)
        folder = relay.folder if relay else self._cluster.socket_folder
        return Location(str(folder), access.port, ROLE, "", name)

    def drop_later(self, name: str) -> None:
        """Remove a copy in the background."""
        with self._mutex:
            relay = self._relays.pop(name, None)
        if relay is not None:
            relay.close()
        self._last_drop = self._cleaner.submit(self._drop, self._cluster, name)

    def settle(self) -> None:
        """Wait until everything to be dropped is."""
        if self._last_drop is not None:
            self._last_drop.result()  # one thread, so all before it are done too

    def close(self) -> None:
        """Drop our copies and leave the cluster; the last one out ends it. What still runs is interrupted."""
        self._closed = True
        while not self._mutex.acquire(timeout=_PATIENCE):  # a migration is running
            cluster = self._cluster
            if cluster is not None:
                with contextlib.suppress(OSError, ServerError):  # the server is gone: so is the migration
                    cluster.interrupt()
        self._mutex.release()
        self._cleaner.shutdown(wait=True)
        with self._mutex:
            for name in sorted(self._taken):
                self._drop(self._cluster, name)
            self._disconnect()

    @property
    def _session(self) -> Admin:
        if self._admin is None:
            raise ConnectionError("the server is not started")
        return self._admin

    def _keep(self) -> None:
        """Keep an image of a cluster that we started, for the next start: before anybody makes a copy."""
        if self._cluster is None or self._cluster.unkept is None:
            return
        image, self._cluster.unkept = self._cluster.unkept, None
        images.keep_running(
            self._session.connection, self._cluster.folder / supervisor.DATA, image, self._wanted
        )

    def _fill(self) -> None:
        """Tell the filler what is wished for; start it if need be."""
        if self._cluster is None or not self._wishes:
            return
        if self._filling is None or not self._filling.is_alive():
            self._filling = Filling(self._cluster)
        for template, number in self._wishes.values():
            self._filling.wish(template, number)

    def _disconnect(self) -> None:
        self._taken.clear()
        if self._filling is not None:
            self._filling.close()
        self._filling = None
        while self._relays:
            self._relays.popitem()[1].close()
        if self._admin is not None:
            self._admin.close()
        if self._cluster is not None:
            self._cluster.close()
        self._admin = self._cluster = None

    def _drop(self, cluster: Cluster | None, name: str) -> None:
        if cluster is None:
            return
        try:
            cleaner = Admin(cluster)  # of its own: ending sessions can take a while
            try:
                for database in [*copies.disown(cleaner.connection, name), name]:
                    cleaner.drop(database)
            finally:
                cleaner.close()
        except (OSError, ServerError):
            return  # the server is gone, or cannot drop it: the copy goes with the server
        with self._mutex:
            if self._cluster is cluster and self._admin is not None and name in self._taken:
                self._taken.discard(name)
                try:
                    self._admin.unclaim(name)
                except OSError:
                    return  # as above


def group(root: Path, wanted: dict[str, tuple[str, str, bool]]) -> dict[str, Server]:
    """Return the server of each database, given its (version, bin, tcp); equal ones share it."""
    servers: dict[tuple[str, str], Server] = {}
    for version, bin_folder, _ in wanted.values():
        kind = (version, bin_folder)
        tcp = any(other[:2] == kind and other[2] for other in wanted.values())
        if kind not in servers:
            servers[kind] = Server(root, version, bin_folder, tcp=tcp)
    return {name: servers[version, bin_folder] for name, (version, bin_folder, _) in wanted.items()}


def explain(error: OSError | ServerError) -> EnctestError:
    """Turn a failure of the server into words for the user."""
    if isinstance(error, ServerError):
        return EnctestError(
            f"PostgreSQL refused: {error}", "\n".join(t for t in (error.detail, error.hint) if t)
        )
    return EnctestError(f"the PostgreSQL server went away: {error}", "It is started again at the next run.")
