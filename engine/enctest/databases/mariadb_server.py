"""A MariaDB server of this process's own: its programs, its data, how to reach it."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from enctest.databases import datadir
from enctest.databases.launching import free_port
from enctest.databases.mysql_wire import MySQLConnection, literal
from enctest.databases.private_server import PrivateServer
from enctest.errors import EnctestError
from enctest.paths import cache_folder

_USER = "enctest"
_ROOM = 192 * 1024 * 1024
"""Bytes for its files, its log and some databases."""
_PLACES = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/usr/local/opt/mariadb/bin",
)
"""Where servers are that are not on every user's PATH."""
_SETTINGS = (
    "--no-defaults", "--skip-log-bin", "--skip-name-resolve", "--performance-schema=OFF",
    "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=OFF",
    "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M", "--innodb-fast-shutdown=2",
    "--character-set-server=utf8mb4", "--max-allowed-packet=1G", "--max-connections=300",
)  # fmt: skip
_SOCKET = "s"
_PORT_ATTEMPTS = 3
_LAYOUT = 1


@dataclass(frozen=True)
class Programs:
    """An installation: the server, and the folder with the programs that belong to it."""

    server: Path
    client: Path
    dump: Path
    install: Path
    version: str
    source: str


class MariaDBServer:
    """A running server and what it takes to use it.

    Args:
        root: The project's folder.
        programs: What to run.
        tcp: Listen on 127.0.0.1 too.

    Raises:
        EnctestError: It does not start.
    """

    def __init__(self, root: Path, programs: Programs, *, tcp: bool) -> None:
        self._programs = programs
        self._password = secrets.token_urlsafe(24)
        data = _installed(programs)
        for attempt in range(_PORT_ATTEMPTS):
            self._port = free_port() if tcp else 0
            try:
                self.private = PrivateServer.start(
                    root, "mariadb", lambda folder: self._command(data, folder), _answers, room=_ROOM
                )
                break
            except EnctestError as error:
                if "Address already in use" not in error.title or attempt == _PORT_ATTEMPTS - 1:
                    raise
        try:
            with self.admin() as admin:
                # By the socket, which only we can reach, nobody needs a password.
                for host, password in (("localhost", ""), ("'127.0.0.1'", self._password)):
                    user = f"{_USER}@{host}"
                    admin.query(f"create user {user} identified by {literal(password)}")
                    # All but what reaches beyond the server.
                    admin.query(f"grant all on *.* to {user}; revoke file, shutdown on *.* from {user}")
        except BaseException:  # an interrupt too: nobody else knows of the server yet
            self.private.close()
            raise

    @property
    def socket(self) -> str:
        """Path of the unix socket."""
        return str(self.private.folder / _SOCKET)

    def admin(self) -> MySQLConnection:
        """Open a session that may do everything."""
        return MySQLConnection(self.socket)

    def values(self, name: str, scheme: str, *, tcp: bool) -> dict[str, str]:
        """Return how to reach a database."""
        values = {"name": name, "user": _USER, "socket": self.socket}
        if tcp:
            where = f"{_USER}:{quote(self._password, safe='')}@127.0.0.1:{self._port}"
            more = {"host": "127.0.0.1", "port": str(self._port), "password": self._password}
            return values | more | {"url": f"{scheme}://{where}/{quote(name)}"}
        url = f"{scheme}://{_USER}@localhost/{quote(name)}?unix_socket={quote(self.socket)}"
        return values | {"url": url, "host": "localhost", "port": "", "password": ""}

    def run(self, database: str, sql: str, seconds: float) -> str:
        """Run an SQL file as the server's own client does; return what it complains of.

        Raises:
            subprocess.TimeoutExpired: It takes longer than `seconds`.
        """
        command = [str(self._programs.client), *self._access(), "--default-character-set=utf8mb4", database]
        done = subprocess.run(
            command, input=sql, capture_output=True, text=True, errors="surrogateescape",
            env=datadir.server_environment(), timeout=seconds, check=False,
        )  # fmt: skip
        return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""

    def write_dump(self, database: str, path: Path) -> None:
        """Write what makes a copy of a database.

        Raises:
            EnctestError: It cannot be dumped.
        """
        options = (
            "--routines",
            "--triggers",
            "--events",
            "--hex-blob",
            "--skip-comments",
            "--skip-dump-date",
        )
        command = [str(self._programs.dump), *self._access(), *options, database]
        with path.open("wb") as file:
            done = subprocess.run(
                command, stdout=file, stderr=subprocess.PIPE, env=datadir.server_environment(), check=False
            )
        if done.returncode:
            raise EnctestError(
                f"database {database} cannot be dumped: {done.stderr.decode(errors='replace').strip()}"
            )

    def _access(self) -> list[str]:
        return ["--no-defaults", f"--socket={self.socket}", "--user=root"]

    def _command(self, installed: Path, folder: Path) -> list[str]:
        data = folder / "data"
        shutil.copytree(installed, data)
        network = (
            [f"--port={self._port}", "--bind-address=127.0.0.1"] if self._port else ["--skip-networking"]
        )
        return [
            str(self._programs.server), *_SETTINGS, *_account(), *network, f"--datadir={data}",
            f"--socket={folder / _SOCKET}", f"--pid-file={folder / 'pid'}", f"--tmpdir={data}",
        ]  # fmt: skip


def _account() -> list[str]:
    """Root has to say that it means to be root; nobody else comes near the folder."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _answers(folder: Path) -> bool:
    with MySQLConnection(str(folder / _SOCKET)):
        return True


def _installed(programs: Programs) -> Path:
    """Return a folder of data as it is after installation; made once, then kept in the cache.

    Raises:
        EnctestError: It cannot be made.
    """
    identity = f"{_LAYOUT} {programs.server} {programs.version}"
    place = cache_folder() / "mariadb" / hashlib.sha256(identity.encode()).hexdigest()[:12]
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=place.parent))
    except OSError:  # a cache that cannot be written to only costs time
        fresh = Path(tempfile.mkdtemp(prefix="enctest-mariadb-"))
        place = fresh / "data"
    command = [
        str(programs.install), "--no-defaults", f"--datadir={fresh / 'data'}", "--skip-test-db",
        "--auth-root-authentication-method=normal", *_account(),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd="/", env=datadir.server_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise EnctestError(f"MariaDB's data cannot be made: {said[-1] if said else 'it says nothing'}")
    if place.parent != fresh:
        with suppress(OSError):  # another process was quicker
            (fresh / "data").rename(place)
        shutil.rmtree(fresh, ignore_errors=True)
    return place


def installations(root: Path, bin_folder: str) -> Iterator[Programs]:
    """Yield what is installed, the folder of the settings first and alone."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_PLACES))
    if bin_folder:
        path = str(root / Path(bin_folder).expanduser())
    seen: set[Path] = set()
    for name in ("mariadbd", "mysqld"):
        found = shutil.which(name, path=path)
        server = Path(found).resolve() if found else None
        if server is None or server in seen:
            continue
        seen.add(server)
        beside = os.pathsep.join((str(server.parent), str(server.parent.parent / "bin"), path))
        tools = [
            shutil.which(f"mariadb{end}", path=beside) or shutil.which(f"mysql{old}", path=beside)
            for end, old in (("", ""), ("-dump", "dump"), ("-install-db", "_install_db"))
        ]
        version = _version(server)
        if version and all(tools):
            client, dump, install = (Path(tool or "") for tool in tools)
            yield Programs(server, client, dump, install, version, "setting" if bin_folder else "system")


def _version(server: Path) -> str:
    """Return such as `10.11.19`; empty when it does not run, or is MySQL's own."""
    try:
        done = subprocess.run(
            [str(server), "--no-defaults", "--version"],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""  # a broken installation is as good as none
    match = re.search(r"\bVer (\d+(?:\.\d+)*)-MariaDB", done.stdout)
    return match.group(1) if match else ""
