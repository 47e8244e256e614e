"""What a managed database costs a test.

    python -m tests.benchmarks.databases [--cache FOLDER] [--no-peer]

Of a made project with 20 tables and 50 migrations: how long the hand-out of an isolated copy takes in a test
(a connection per test, and a pool that is kept); from nothing running to the first query in an isolated,
migrated database, cold and with a warm cache; set-up and teardown of 40 tests together, against
pytest-postgresql with the same schema as its template, in one environment, where that one's own fixtures are
tried on the managed server too. Exits with 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import Sample

from enctest.config import DatabaseSettings
from enctest.databases.account import server_account
from enctest.databases.binaries import find
from enctest.databases.manager import DatabaseManager
from enctest.databases.protocol import Connection
from enctest.paths import Project

PEER = "pytest-postgresql==10.0.0"
PLUGINS = Path(__file__).parent / "plugins"
P50_MS, P95_MS, WARM_MS, COLD_MS, TIMES = 1.0, 10.0, 200.0, 1000.0, 3.0
TABLES, MIGRATIONS = 20, 50
COLD_ROUNDS = 3
PYPROJECT = """
[tool.pytest.ini_options]
[tool.enctest.databases.shop]
migrations = "migrations"
isolation = "test"
"""
TESTS = """
import os
import time

import psycopg
import pytest

@pytest.mark.parametrize("number", range(60))
def test_it(number):
    with CONNECT as connection:
        assert connection.execute("select count(*) from t1").fetchone() == (0,)
        connection.execute("insert into t1 (name) values ('x')")
        connection.commit()
    time.sleep(0.02)
"""
PER_TEST = TESTS.replace("CONNECT", 'psycopg.connect(os.environ["DATABASE_URL"])')
POOLED = TESTS.replace("CONNECT", "pool.connection()").replace(
    "@pytest",
    "from psycopg_pool import ConnectionPool\n\n"
    'pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=2, open=False)\n'
    "pool.open(wait=True)\n\n@pytest",
    1,
)
OURS = """
import os
import psycopg
import pytest

@pytest.fixture
def connection():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        yield connection
"""
PEERS = """
from pathlib import Path

import pytest
from pytest_postgresql import factories

FILES = sorted(Path(__file__).with_name("migrations").iterdir())
server = factories.postgresql_proc(executable=PG_CTL, load=FILES)
postgresql = factories.postgresql("server")

@pytest.fixture
def connection(postgresql):
    return postgresql
"""
THEIR_FIXTURES = """
import os
from pathlib import Path

import pytest
from pytest_postgresql import factories

server = factories.postgresql_noproc(
    host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=os.environ["DB_USER"],
    load=sorted(Path(__file__).with_name("migrations").iterdir()),
)
postgresql = factories.postgresql("server")

@pytest.fixture
def connection(postgresql):
    return postgresql
"""
THEIR_ENV = """
[tool.pytest.ini_options]
[tool.enctest.databases.shop.env]
DB_HOST = "{host}"
DB_PORT = "{port}"
DB_USER = "{user}"
"""
FORTY = """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_it(number, connection):
    assert connection.execute("select count(*) from t1").fetchone() == (0,)
    connection.execute("insert into t1 (name) values ('x')")
    connection.commit()
"""


_STEP = """
alter table t{table} add c{number} int default 1; create index on t{table} (c{number});
insert into t{table} (name) select 'row {number} ' || g from generate_series(1, 30) g;
"""
EMPTY = """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_it(number):
    pass
"""
COMMANDS = ("pytest", "enctest")


def migrations() -> dict[str, str]:
    """Return 50 SQL files that make 20 tables with keys, indexes and some rows."""
    files = {}
    for number in range(1, TABLES + 1):
        refers = f", parent int references t{number - 1} (id)" if number > 1 else ""
        files[number] = (
            f"create table t{number} (id serial primary key, name text unique, data jsonb{refers});"
        )
    for number in range(TABLES + 1, MIGRATIONS + 1):
        table = (number - 2) % (TABLES - 1) + 2
        files[number] = _STEP.format(table=table, number=number)
    return {f"migrations/{number:04}_step.up.sql": text + "\n" for number, text in files.items()}


def handed_out(tests: str) -> dict[str, list[float]]:
    """Return the milliseconds of each hand-out but the first, which opens the session that does it.

    They are all that is done before a test for it to have its database: with a pool that is kept, the moving
    of its connections is part of that. Only what the application itself does to connect is not. For
    comparison, `trip` and `connect` are of round trips and new sessions on the same server.
    """
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder), {"pyproject.toml": PYPROJECT, "test_it.py": tests} | migrations())
        told = Path(folder) / "told"
        env = {"HANDED_OUT": str(told), "PYTHONPATH": str(PLUGINS)}
        done = sample.enctest("-q", "-p", "handing_out", "-p", "no:randomly", **env)
        shutil.rmtree(sample.runtime)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        found: dict[str, list[float]] = json.loads(told.read_text(encoding="utf-8"))
        return found | {"given": found["given"][1:]}


def first_query(rounds: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds from nothing to the answer of a first query: cold, and with a warm cache."""
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder), migrations())
        os.environ["XDG_CACHE_HOME"] = str(sample.runtime / "cache")
        project = Project(
            root=sample.root, invocation=sample.root, state=sample.runtime, runtime=sample.runtime
        )
        taken: list[float] = []
        for number in range(rounds + COLD_ROUNDS):
            if number < COLD_ROUNDS:
                shutil.rmtree(sample.runtime / "cache", ignore_errors=True)
            begun = time.perf_counter()
            manager = DatabaseManager({"shop": DatabaseSettings(migrations="migrations")}, project)
            manager.prepare()
            lease = manager.lease("first")
            host = lease.urls["shop"].partition("?host=")[2].partition("&")[0].replace("%2F", "/")
            with Connection(f"{host}/.s.PGSQL.5432", database=lease.names["shop"], user="enctest") as one:
                one.query("select count(*) from t1")
            taken.append((time.perf_counter() - begun) * 1000)
            manager.close()
        shutil.rmtree(sample.runtime)
        return taken[:COLD_ROUNDS], taken[COLD_ROUNDS:]


def by_hand(rounds: int) -> list[float]:
    """Return the milliseconds of `initdb` and `pg_ctl start`, in memory: what a cold start begins with."""
    binaries, account = find(root=Path("/")), server_account()
    own: dict[str, Any] = (
        {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
    )
    taken = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            if account is not None:
                os.chown(folder, account.uid, account.gid)
            data = f"{folder}/data"
            start = [str(binaries.bin / "pg_ctl"), "-D", data, "-w", "-l", f"{folder}/log", "-o"]
            begun = time.perf_counter()
            _run([str(binaries.bin / "initdb"), "-D", data, "--no-sync"], own)
            _run([*start, f"-F -k {folder} -h ''", "start"], own)
            taken.append((time.perf_counter() - begun) * 1000)
            _run([*start[:3], "-m", "immediate", "stop"], own)
    return taken


def _run(command: list[str], own: dict[str, Any]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **own)


@dataclass(frozen=True)
class Forty:
    """Milliseconds of one run of 40 tests: set-up and teardown together, and the whole run."""

    around: float
    whole: float


def forty(
    programs: Path, command: str, files: dict[str, str], *arguments: str, rounds: int = 1
) -> list[Forty]:
    """Run 40 tests so many times in one project, which begins without any cache."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        sample = Sample(Path(folder), files)
        own = ordinary(sample)
        runs = []
        for _ in range(rounds):
            begun = time.perf_counter()
            done = subprocess.run(
                [str(programs / command), "-q", "--durations=0", "-vv", "-p", "no:cacheprovider", *arguments],
                cwd=sample.root, env=sample.env | {"HOME": str(sample.runtime)},
                capture_output=True, text=True, check=False, **own,
            )  # fmt: skip
            whole = (time.perf_counter() - begun) * 1000
            if done.returncode:
                raise SystemExit(done.stdout[-3000:] + done.stderr)
            lines = [line.split() for line in done.stdout.splitlines()]
            parts = [line[0] for line in lines if line[1:2] in (["setup"], ["teardown"])]
            around = [float(part.removesuffix("s")) * 1000 for part in parts]
            runs.append(Forty(sum(around), whole))
        shutil.rmtree(sample.runtime)
        return runs


def compared(programs: Path) -> bool:
    """Compare 40 tests with pytest-postgresql's; tell whether they are as much quicker as promised.

    What the database costs is a whole run less the run of as many tests without one, by the same program:
    so nothing is left out that is done before the first test, or after the last.
    """
    pg_ctl = shutil.which("pg_ctl") or str(next(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")))
    tests = {"test_it.py": FORTY} | migrations()
    without = {"test_it.py": EMPTY, "pyproject.toml": "[tool.pytest.ini_options]\n"}
    peer = tests | {"conftest.py": PEERS.replace("PG_CTL", repr(pg_ctl))}
    (theirs,) = forty(programs, "pytest", peer)
    memory = f"/dev/shm/enctest-benchmark-{os.getpid()}"  # noqa: S108 - pytest makes it, private
    (in_memory,) = forty(programs, "pytest", peer, f"--basetemp={memory}")
    shutil.rmtree(memory)
    cold, warm, *_ = forty(
        programs, "enctest", tests | {"conftest.py": OURS, "pyproject.toml": PYPROJECT}, rounds=2
    )
    control = {name: min(run.whole for run in forty(programs, name, without, rounds=2)) for name in COMMANDS}
    print("40 tests: what a database costs, in all; set-up and teardown of the tests alone")
    cost = theirs.whole - control["pytest"]
    print(f"  {'pytest-postgresql':24}{cost:8.0f} ms{theirs.around:8.0f} ms")
    memory_cost = in_memory.whole - control["pytest"]
    print(f"  {'  its data in memory':24}{memory_cost:8.0f} ms{in_memory.around:8.0f} ms")
    times = []
    for name, run in (("enctest, cold", cold), ("enctest, warm cache", warm)):
        own = run.whole - control["enctest"]
        times.append(cost / own)
        print(f"  {name:24}{own:8.0f} ms{run.around:8.0f} ms", end="")
        print(f"{cost / own:8.1f} times{theirs.around / run.around:8.1f}")
    return min(times[-1], theirs.around / warm.around) >= TIMES


def ordinary(sample: Sample) -> dict[str, Any]:
    """Return arguments that run a program as an ordinary user: as root the peer cannot start its server."""
    account = server_account()
    if account is None:
        return {}
    for folder in (sample.root, sample.runtime):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.uid, account.gid)
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def environment(place: Path) -> Path:
    """Return the programs of an environment that has both, for an ordinary user too."""
    if not (place / "bin" / "pytest").exists():
        python = sys.executable if server_account() is None else shutil.which("python3", path="/usr/bin")
        subprocess.run([str(python), "-m", "venv", str(place)], check=True)
        wanted = [PEER, "psycopg[binary]", "-e", f"{Path(__file__).parents[2]}[postgres]"]
        subprocess.run([str(place / "bin" / "python"), "-m", "pip", "-q", "install", *wanted], check=True)
    return place / "bin"


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all stay below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> int:
    """Measure and print."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.databases", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "enctest-benchmarks")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    good = True
    for name, tests in (("a connection per test", PER_TEST), ("a pool of two, kept", POOLED)):
        took = handed_out(tests)
        print(f"{name + ', ms':28}{'least':>8}{'p50':>8}{'p95':>8}")
        for what, values in zip(("hand-out", "a round trip", "a connect"), took.values(), strict=True):
            middle, high = quantile(values, 0.5), quantile(values, 0.95)
            print(f"  {what:26}{min(values):8.2f}{middle:8.2f}{high:8.2f}")
        middle, high = quantile(took["given"], 0.5), quantile(took["given"], 0.95)
        good &= tests is POOLED or (middle <= P50_MS and high <= P95_MS)
    cold, warm = first_query(options.rounds)
    hand = by_hand(COLD_ROUNDS)
    print(f"{'nothing to first query, ms':28}{'least':>8}{'median':>8}")
    for name, milliseconds in (("cold", cold), ("warm cache", warm), ("initdb and pg_ctl by hand", hand)):
        print(f"  {name:26}{min(milliseconds):8.0f}{statistics.median(milliseconds):8.0f}")
    good &= statistics.median(cold) <= COLD_MS and statistics.median(warm) <= WARM_MS
    if not options.no_peer:
        programs = environment(options.cache / "databases")
        good &= compared(programs)
        theirs = {
            "conftest.py": THEIR_FIXTURES,
            "pyproject.toml": THEIR_ENV,
            "test_it.py": FORTY,
        } | migrations()
        (run,) = forty(programs, "enctest", theirs, "-n", "2")
        print(
            f"40 tests with pytest-postgresql's own fixtures on the managed server pass: {run.whole:.0f} ms"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
