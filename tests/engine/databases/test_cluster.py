from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from enctest.databases import datadir, folders
from enctest.databases.binaries import Binaries
from enctest.databases.cluster import ROLE, Cluster
from enctest.databases.protocol import ServerError
from enctest.errors import EnctestError

if TYPE_CHECKING:
    from tests.engine.databases.conftest import Look

Join = Callable[..., Cluster]
RunPython = Callable[..., "subprocess.Popen[str]"]

USER = """
import json, sys
from pathlib import Path
from enctest.databases.binaries import Binaries
from enctest.databases.cluster import Cluster

cluster = Cluster.join(Path(sys.argv[1]), Binaries(Path(sys.argv[2]), sys.argv[3], "setting"))
with cluster.connect() as connection:
    started = connection.value("select pg_postmaster_start_time()")
print(json.dumps([str(cluster.folder), started]), flush=True)
sys.stdin.read()
cluster.close()
"""


@pytest.fixture
def user(tmp_path: Path, run_python: RunPython) -> Callable[[Binaries], subprocess.Popen[str]]:
    """Start a process that uses the cluster of `tmp_path` until its input ends."""

    def start(server: Binaries) -> subprocess.Popen[str]:
        return run_python(USER, tmp_path, server.bin, server.version)

    return start


@pytest.fixture
def _on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a memory file system."""
    monkeypatch.setattr(folders, "MEMORY", tmp_path / "none")


def _hello(child: subprocess.Popen[str]) -> tuple[Path, str]:
    """Return the folder of the child's cluster, and when its server started."""
    assert child.stdout
    folder, started = json.loads(child.stdout.readline())
    return Path(folder), started


def _value(cluster: Cluster, sql: str) -> str | None:
    with cluster.connect() as connection:
        return connection.value(sql)


def test_a_cluster_answers_and_is_gone_when_closed(server: Binaries, join: Join, look: Look) -> None:
    cluster = join(server)

    assert _value(cluster, "show server_version") == server.version or server.source == "system"
    assert _value(cluster, "select pg_current_wal_lsn() is not null") == "t"
    assert look.processes(cluster.folder)
    cluster.close()
    assert look.nothing_left(cluster.folder)


def test_the_server_is_tuned_for_tests(server: Binaries, join: Join) -> None:
    cluster = join(server)

    names = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "TimeZone", "server_encoding")
    shown = [_value(cluster, f"show {name}") for name in names]
    assert shown == ["off", "off", "off", "off", "UTC", "UTF8"]
    assert _value(cluster, "select upper('é')") == "É"


def test_only_its_user_reaches_it(server: Binaries, join: Join, look: Look) -> None:
    cluster = join(server)

    data, sockets = cluster.folder / "data", cluster.socket_folder
    owner = Path(f"/proc/{look.postmaster(cluster.folder)}").stat().st_uid
    assert owner != 0
    for folder in (data, sockets):
        status = folder.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, owner)
    assert cluster.folder.stat().st_uid == os.geteuid()
    assert stat.S_IMODE(cluster.folder.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    assert _value(cluster, "show listen_addresses") == ""


@pytest.mark.usefixtures("_on_disk")
def test_without_memory_it_lives_on_disk(any_server: Binaries, join: Join, look: Look) -> None:
    cluster = join(any_server)

    assert not cluster.in_memory
    assert _value(cluster, "select 1") == "1"
    cluster.close()
    assert look.nothing_left(cluster.folder)


def test_without_room_anywhere_it_says_so(
    any_server: Binaries, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "ROOM", 1 << 60)

    with pytest.raises(EnctestError, match=r"no folder has .* MB free") as caught:
        join(any_server)
    assert "TMPDIR" in caught.value.hint


def test_a_server_that_cannot_start_says_why(
    any_server: Binaries, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(datadir._SETTINGS, "shared_buffers", "lots")

    with pytest.raises(EnctestError, match='invalid value for parameter "shared_buffers": "lots"'):
        join(any_server)


def test_a_broken_initdb_says_why(open_folder: Path, join: Join) -> None:
    (open_folder / "initdb").write_text(
        "#!/bin/sh\necho 'initdb: error: no luck' >&2\nexit 1\n", encoding="utf-8"
    )
    (open_folder / "postgres").write_text("#!/bin/sh\n", encoding="utf-8")
    for name in ("initdb", "postgres"):
        (open_folder / name).chmod(0o755)

    with pytest.raises(EnctestError, match="a PostgreSQL cluster cannot be made: initdb: error: no luck"):
        join(Binaries(open_folder, "99.0", "setting"))


def test_tcp_needs_the_password(server: Binaries, join: Join) -> None:
    cluster = join(server, tcp=True)
    access = cluster.access
    address = f"host=127.0.0.1 port={access.port} dbname=postgres"

    with psycopg.connect(f"{address} user={ROLE} password={access.password}") as connection:
        assert connection.execute("select current_user").fetchone() == (ROLE,)
    for refused in (f"user={ROLE} password=guess", "user=postgres password=postgres"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{address} {refused}")
    assert stat.S_IMODE((cluster.folder / "access.json").stat().st_mode) == 0o600


def test_a_port_taken_in_between_is_not_the_end(
    any_server: Binaries, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    from enctest.databases.launching import free_port

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1], free_port()]
        monkeypatch.setattr("enctest.databases.cluster.free_port", lambda: ports.pop(0))
        cluster = join(any_server, tcp=True)

    assert ports == []
    assert _value(cluster, "select 1") == "1"


def test_two_in_one_process_share_a_server(any_server: Binaries, join: Join, look: Look) -> None:
    first, second = join(any_server), join(any_server)

    assert look.postmaster(first.folder) == look.postmaster(second.folder)
    first.close()
    assert _value(second, "select 1") == "1"
    second.close()
    assert look.eventually(lambda: look.nothing_left(second.folder))


def test_processes_that_start_at_once_share_a_server(
    any_server: Binaries, user: Callable[[Binaries], subprocess.Popen[str]], look: Look
) -> None:
    children = [user(any_server) for _ in range(3)]

    hellos = {_hello(child) for child in children}

    assert len(hellos) == 1
    ((folder, _),) = hellos
    for child in children:
        child.communicate("")
        assert child.returncode == 0
    assert look.eventually(lambda: look.nothing_left(folder))


def test_killing_the_last_user_leaves_nothing(
    server: Binaries, user: Callable[[Binaries], subprocess.Popen[str]], look: Look
) -> None:
    child = user(server)
    folder, _ = _hello(child)
    postmaster = look.postmaster(folder)
    assert look.segments(postmaster)

    child.kill()

    assert look.eventually(lambda: look.nothing_left(folder))
    assert not look.segments(postmaster)


def test_killing_one_of_two_users_leaves_the_server_to_the_other(
    any_server: Binaries, user: Callable[[Binaries], subprocess.Popen[str]], join: Join, look: Look
) -> None:
    child = user(any_server)
    _, started = _hello(child)
    cluster = join(any_server)

    child.kill()
    child.wait()

    assert _value(cluster, "select pg_postmaster_start_time()") == started
    cluster.close()
    assert look.eventually(lambda: look.nothing_left(cluster.folder))


def test_killing_the_supervisor_ends_the_server_and_a_new_one_can_start(
    server: Binaries, join: Join, look: Look
) -> None:
    first = join(server)
    postmaster = look.postmaster(first.folder)

    os.kill(look.supervisor(first.folder), signal.SIGKILL)
    assert look.eventually(lambda: not look.processes(first.folder))
    second = join(server)

    assert look.postmaster(second.folder) != postmaster
    assert _value(second, "select 1") == "1"
    first.close()
    assert _value(second, "select 1") == "1"
    second.close()
    assert look.nothing_left(second.folder)


def test_killing_the_server_leaves_no_shared_memory_and_a_new_one_can_start(
    server: Binaries, join: Join, look: Look
) -> None:
    first = join(server)
    postmaster = look.postmaster(first.folder)

    os.kill(postmaster, signal.SIGKILL)
    second = join(server)

    assert look.postmaster(second.folder) != postmaster
    assert look.eventually(lambda: not look.segments(postmaster))
    second.close()
    first.close()
    assert look.eventually(lambda: look.nothing_left(first.folder))


def test_a_killed_server_is_cleared_away_with_its_last_user(
    any_server: Binaries, join: Join, look: Look
) -> None:
    cluster = join(any_server)
    postmaster = look.postmaster(cluster.folder)

    os.kill(postmaster, signal.SIGKILL)
    cluster.close()

    assert look.eventually(lambda: look.nothing_left(cluster.folder))
    assert not look.segments(postmaster)


def test_a_supervisor_told_to_end_ends_the_server(any_server: Binaries, join: Join, look: Look) -> None:
    cluster = join(any_server)

    os.kill(look.supervisor(cluster.folder), signal.SIGTERM)

    assert look.eventually(lambda: not look.processes(cluster.folder))
    cluster.close()
    assert look.nothing_left(cluster.folder)


def test_the_keys_of_a_terminal_do_not_end_it(any_server: Binaries, join: Join, look: Look) -> None:
    cluster = join(any_server)
    supervisor = look.supervisor(cluster.folder)

    assert os.getsid(supervisor) != os.getsid(0)
    status = Path(f"/proc/{supervisor}/status").read_text(encoding="utf-8")
    ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
    for number in (signal.SIGINT, signal.SIGHUP):
        assert ignored >> (number - 1) & 1


def test_a_stale_folder_is_swept_and_a_strange_one_is_not(any_server: Binaries, join: Join) -> None:
    base = folders.choose(None).path
    prefix = f"enctest-{os.geteuid()}-"
    stale, dead, strange = (
        base / f"{prefix}{name}" for name in (secrets.token_hex(6), f"{secrets.token_hex(6)}.dead.1", "work")
    )
    for folder in (stale, dead, strange):
        (folder / "data").mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    try:
        join(any_server)

        assert not stale.exists()
        assert not dead.exists()
        assert strange.exists()
    finally:
        shutil.rmtree(strange)


def test_a_folder_that_others_may_write_to_is_refused(any_server: Binaries, join: Join) -> None:
    cluster = join(any_server)
    cluster.close()
    cluster.folder.mkdir()
    cluster.folder.chmod(0o777)
    try:
        with pytest.raises(EnctestError, match="belongs to somebody else"):
            join(any_server)
    finally:
        cluster.folder.rmdir()


def test_root_without_the_right_to_change_users_gets_told(
    any_server: Binaries, run_python: RunPython
) -> None:
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or not setpriv:
        pytest.skip("needs root and setpriv")
    prefix = (setpriv, "--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid")
    code = USER.replace("cluster = Cluster", "sys.tracebacklimit = 0\ncluster = Cluster")
    child = run_python(
        code.replace(
            "import json, sys",
            "import json, os, sys\nos.environ['XDG_CACHE_HOME'] = sys.argv[1]\nsys.stderr = sys.stdout",
        ),
        Path(os.environ["XDG_CACHE_HOME"]) / "none",
        any_server.bin,
        any_server.version,
        prefix=prefix,
    )

    output, _ = child.communicate("")

    assert "initdb cannot be run: " in output
    assert "work as an ordinary user" in output


def test_an_error_of_the_server_is_typed(any_server: Binaries, join: Join) -> None:
    with join(any_server).connect() as connection:
        with pytest.raises(ServerError) as caught:
            connection.query("select 1;\nselect 'é', nonsense;")
        error = caught.value
        assert (error.sqlstate, error.position, error.completed) == ("42703", 23, 1)
        assert error.message == 'column "nonsense" does not exist'
        assert connection.query("select null, 'a''b', $1", "it's") == [(None, "a'b", "it's")]


def test_a_connection_says_when_the_server_ends_it(any_server: Binaries, join: Join) -> None:
    cluster = join(any_server)
    with cluster.connect() as connection, cluster.connect() as killer:
        killer.query("select pg_terminate_backend($1)", connection.value("select pg_backend_pid()") or "")
        with pytest.raises((ServerError, OSError), match=r"terminating connection|closed|reset|pipe"):
            connection.query("select pg_sleep(10)")


def test_copy_from_stdin_is_refused_not_waited_for(any_server: Binaries, join: Join) -> None:
    with join(any_server).connect() as connection:
        with pytest.raises(ServerError, match="use INSERT"):
            connection.query("create temp table t (a int); copy t from stdin;")
        assert connection.value("select 1") == "1"
