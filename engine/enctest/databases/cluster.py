"""One running PostgreSQL server per project, shared by every process that works on it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Self

import msgspec

from enctest.databases import datadir, folders, images, supervisor
from enctest.databases.account import Account, server_account, within_reach
from enctest.databases.binaries import Binaries
from enctest.databases.launching import LOG, free_port, launch, wait
from enctest.databases.protocol import Connection, ServerError, identifier, literal
from enctest.errors import EnctestError

ROLE = "enctest"
"""The role that tests are: owner of its databases, no superuser."""

MIGRATOR = "enctest_migrator"
"""The role that migrations run as: many extensions, and other roles, need a superuser to make them."""

_ACCESS = "access.json"
_LAYOUT = 3  # of a cluster's folder; another number is another cluster
_START_SECONDS = 60.0
_PORT_ATTEMPTS = 3
_UNIX_PORT = 5432
_LINES_SHOWN = 4
_CHATTER = ("starting PostgreSQL", "listening on", "database system")  # what every log has
_EXISTS = {"42710", "23505"}  # said when another process makes the role at the same time


class Access(msgspec.Struct, frozen=True):
    """How to reach a server: its port (part of the socket's name too) and, with TCP, the role's password."""

    port: int
    password: str


class Cluster:
    """A server that this process uses; it ends when its last user closes it or dies. Made by `join`.

    Attributes:
        folder: Where it lives.
        binaries: What serves it.
        is_interrupted: Whether `interrupt` was called.
        unkept: Where an image of it belongs, as soon as it has the templates that were asked for; None when
            there is one, or another process started it.
    """

    def __init__(self, folder: Path, lock: int, binaries: Binaries) -> None:
        self.folder = folder
        self.binaries = binaries
        self.is_interrupted = False
        self.unkept: Path | None = None
        self._lock = lock
        self._application = f"enctest {os.getpid()} {secrets.token_hex(4)}"
        self._child: subprocess.Popen[bytes] | None = None
        self._first: Connection | None = None

    @classmethod
    def join(
        cls, root: Path, binaries: Binaries, *, tcp: bool = False, templates: Collection[str] = ()
    ) -> Self:
        """Find the running cluster of the project at `root`, or start it.

        Args:
            root: The project's root.
            binaries: What serves it.
            tcp: Listen on 127.0.0.1 too.
            templates: Names of those that are going to be needed: it is started with them, where that can be.

        Raises:
            EnctestError: There is no room for it, or it does not start.
        """
        account = server_account()
        key = _key(root, binaries, tcp=tcp)
        binaries = within_reach(binaries, account)
        folders.sweep(account)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            folder, lock = folders.enter(key, account)
            cluster = cls(folder, lock, binaries)
            try:
                alive = folders.claim_start(folder)
                if alive is not None:
                    options = datadir.initdb_options(binaries)
                    known = images.candidates(binaries, options, root, templates)
                    best = images.migrated(binaries, options, root, templates)
                    used = cluster._start(alive, account, known, tcp=tcp)
                    cluster.unkept = None if used in images.exact(best) else best
                    cluster._settle(is_new=used is None, is_ours=True)
                elif cluster._join_running():
                    cluster._settle(is_new=True, is_ours=False)
                else:
                    cluster.close()
                    continue
            except BaseException:  # an interrupt too: the lease must not outlive the attempt
                cluster.close()
                raise
            return cluster
        raise EnctestError(f"the PostgreSQL cluster in {folder} does not come up", f"See {folder / LOG}.")

    @classmethod
    def running(cls, root: Path, binaries: Binaries, *, tcp: bool = False) -> Self | None:
        """Use the cluster of the project at `root` if it runs; start none."""
        found = folders.find(_key(root, binaries, tcp=tcp), server_account())
        if found is None:
            return None
        cluster = cls(*found, binaries)
        if cluster._is_reached():
            return cluster
        cluster.close()
        return None

    @property
    def socket_folder(self) -> Path:
        """The folder with the server's socket; only its user, and root, can enter."""
        return self.folder / "s"

    @property
    def socket(self) -> Path:
        """The server's unix socket.

        Raises:
            OSError: It never started.
        """
        return self.socket_folder / f".s.PGSQL.{self.access.port}"

    @property
    def log(self) -> Path:
        """The file that has what the server says."""
        return self.folder / LOG

    @property
    def access(self) -> Access:
        """How to reach the server.

        Raises:
            OSError: It never started.
        """
        return msgspec.json.decode((self.folder / _ACCESS).read_bytes(), type=Access)

    @property
    def in_memory(self) -> bool:
        """Whether the data are in the memory file system."""
        return self.folder.is_relative_to(folders.MEMORY)

    def connect(self, database: str = datadir.SUPERUSER, user: str = datadir.SUPERUSER) -> Connection:
        """Open a session, as the superuser unless told otherwise.

        Raises:
            OSError: The server is gone.
            ServerError: It refuses.
        """
        return Connection(str(self.socket), database=database, user=user, application=self._application)

    def session(self) -> Connection:
        """Return the superuser's session that found the server ready, or, if that is taken, a new one.

        Raises:
            OSError: The server is gone.
            ServerError: It refuses.
        """
        first, self._first = self._first, None
        return first or self.connect()

    def interrupt(self) -> None:
        """End all our sessions, from another thread than the one that waits for an answer.

        Raises:
            OSError: The server is gone.
            ServerError: It refuses.
        """
        self.is_interrupted = True
        with Connection(str(self.socket), database=datadir.SUPERUSER, user=datadir.SUPERUSER) as killer:
            end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1"
            killer.query(end, self._application)

    def close(self) -> None:
        """Stop using the server; when nobody else does, return once everything of it is gone."""
        if self._first is not None:
            self._first.close()
            self._first = None
        if self._lock < 0:
            return
        folders.leave(self.folder, self._lock)
        self._lock = -1
        if self._child is not None and not wait(self._child_is_gone, 0.0 if self.folder.exists() else 1.0):
            self._child.returncode = 0  # it serves others now, and is not ours to wait for
        self._child = None

    def _child_is_gone(self) -> bool:
        return self._child is None or self._child.poll() is not None

    def _start(self, alive: int, account: Account | None, known: Sequence[Path], *, tcp: bool) -> Path | None:
        """Start the server with the lock `alive`, which its supervisor inherits; return the image it is of.

        Raises:
            EnctestError: It does not start.
        """
        try:
            for _ in range(_PORT_ATTEMPTS + len(known)):
                image, problem = self._attempt(alive, account, known, tcp=tcp)
                if not problem:
                    return image
                if image is not None and "Address already in use" not in problem:
                    image.unlink(missing_ok=True)  # it may be damaged
                    known = [other for other in known if other != image]
        finally:
            os.close(alive)
        raise EnctestError(
            f"PostgreSQL {self.binaries.version} does not start: {problem}",
            f"The programs are in {self.binaries.bin} ({self.binaries.source}).",
        )

    def _attempt(
        self, alive: int, account: Account | None, known: Sequence[Path], *, tcp: bool
    ) -> tuple[Path | None, str]:
        """Try once; return the image that the data came from, and what went wrong."""
        supervisor.discard_server(str(self.folder))
        shutil.rmtree(self.socket_folder, ignore_errors=True)
        self.log.unlink(missing_ok=True)
        (self.folder / _ACCESS).unlink(missing_ok=True)  # until all is there, nobody else is to connect
        data = self.folder / supervisor.DATA
        go, signal_go = os.pipe()
        try:
            command = [str(self.binaries.bin / "postgres"), "-D", str(data)]
            child = self._child = launch(
                self.folder, command, alive, go, account=account, ending=signal.SIGQUIT
            )
            datadir.make_folder(self.socket_folder, account)
            image, complete = datadir.make(data, self.binaries, account, known)
            access = Access(free_port() if tcp else _UNIX_PORT, secrets.token_urlsafe(32) if tcp else "")
            datadir.configure(
                data, self.binaries, account, socket=self.socket_folder, port=access.port, tcp=tcp
            )
            os.write(signal_go, b"!")
        except BaseException:  # an interrupt too: closing the pipe is what ends the waiting supervisor
            os.close(signal_go)
            if self._child is not None:
                self._child.wait()  # it never got the byte, so it leaves
            raise
        finally:
            os.close(go)
        os.close(signal_go)
        problem = self._complete(child, complete, access)
        if not problem:
            if image is not None:
                datadir.warm(data, account, image)
            problem = self._awaited(child, self._is_reached)
        if problem:
            child.terminate()
            child.wait()
        return image, problem

    def _complete(self, child: subprocess.Popen[bytes], complete: Callable[[], None], access: Access) -> str:
        """Make what else there is while the server starts, wait for it; return what went wrong."""
        try:
            complete()
        except (OSError, ValueError) as error:
            return f"its data cannot be made: {error}"
        _write_private(self.folder / _ACCESS, msgspec.json.encode(access))
        return self._awaited(child, self._is_ready)

    def _awaited(self, child: subprocess.Popen[bytes], condition: Callable[[], bool]) -> str:
        came = wait(lambda: child.poll() is not None or condition(), _START_SECONDS)
        return "" if came and child.poll() is None else self._problem()

    def _is_ready(self) -> bool:
        """Tell whether the server says that it takes connections."""
        try:
            text = (self.folder / supervisor.DATA / "postmaster.pid").read_text(encoding="utf-8")
        except OSError:
            return False  # not yet
        lines = text.splitlines()
        return len(lines) > 7 and lines[7].strip() == "ready"  # noqa: PLR2004 - line 8 is the state

    def _is_reached(self) -> bool:
        """Tell whether the server takes connections; see `session`."""
        if not self._is_ready():
            return False
        try:
            self._first = self._first or self.connect()
        except (OSError, ServerError):
            return False  # not yet
        return True

    def _settle(self, *, is_new: bool, is_ours: bool) -> None:
        """Make our roles, unless another process was quicker.

        Args:
            is_new: It has not been made of an image, which may be of a cluster that had other passwords.
            is_ours: This process started it.
        """
        password = f" password {literal(self.access.password)}" if self.access.password else ""
        rights = {ROLE: f"createdb{password}", MIGRATOR: f"superuser{password}"}
        admin = self._first = self.session()
        if is_ours and not is_new:
            images.forget_missing(admin)
        there = {name for (name,) in admin.query("select rolname from pg_roles")}
        for role, right in rights.items():
            if role in there and (is_new or not password):
                continue
            try:
                verb = "alter" if role in there else "create"
                admin.query(f"{verb} role {identifier(role)} login {right}")
            except ServerError as error:
                if error.sqlstate not in _EXISTS:
                    raise

    def _problem(self) -> str:
        log = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        messages = [line.split(":  ", 1)[-1].strip() for line in log]
        telling = [text for text in messages if text and not text.startswith(_CHATTER)]
        return "; ".join(telling[-_LINES_SHOWN:]) or "it says nothing"

    def _join_running(self) -> bool:
        """Wait for the server that another process starts; tell whether it came up."""
        ready = False

        def settled() -> bool:
            nonlocal ready
            ready = self._is_reached()
            if ready:
                return True
            alive = folders.claim_start(self.folder)
            if alive is not None:
                os.close(alive)
            return alive is not None

        return wait(settled, _START_SECONDS) and ready


def _key(root: Path, binaries: Binaries, *, tcp: bool) -> str:
    identity = [
        os.fsencode(root),
        os.fsencode(binaries.bin),
        binaries.version.encode(),
        b"%d%d" % (_LAYOUT, tcp),
    ]
    return hashlib.sha256(b"\0".join(identity)).hexdigest()[: folders.KEY_LENGTH]


def _write_private(path: Path, data: bytes) -> None:
    """Replace a file that only we may read, at once."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
    temporary.rename(path)
