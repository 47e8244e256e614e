"""What a managed database costs a test.

    python -m tests.benchmarks.databases [--cache FOLDER] [--no-peer]

Of a made project with 20 tables and 50 migrations: how long the hand-out of an isolated copy takes in a test
(a connection per test, and a pool that is kept); from nothing running to the first query in an isolated,
migrated database, cold and with a warm cache; set-up and teardown of 40 tests together, against
pytest-postgresql with the same schema as its template, in one environment.
Exits with 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.harness import Sample

from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager
from enctest.databases.protocol import Connection
from enctest.paths import Project

PEER = "pytest-postgresql==7.0.2"
PLUGINS = Path(__file__).parent / "plugins"
P50_MS, P95_MS, WARM_MS, COLD_MS, TIMES = 1.0, 10.0, 200.0, 1000.0, 3.0
TABLES, MIGRATIONS = 20, 50
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
FORTY = """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_it(number, connection):
    assert connection.execute("select count(*) from t1").fetchone() == (0,)
    connection.execute("insert into t1 (name) values ('x')")
    connection.commit()
"""


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
        files[number] = (
            f"alter table t{table} add c{number} int default 1; create index on t{table} (c{number});"  # noqa: S608 - our own text
            f"insert into t{table} (name) select 'row {number} ' || g from generate_series(1, 30) g;"
        )
    return {f"migrations/{number:04}_step.up.sql": text + "\n" for number, text in files.items()}


def handed_out(tests: str) -> list[float]:
    """Return the milliseconds of each hand-out but the first, which opens the session that does it."""
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder), {"pyproject.toml": PYPROJECT, "test_it.py": tests} | migrations())
        told = Path(folder) / "told"
        env = {"HANDED_OUT": str(told), "PYTHONPATH": str(PLUGINS)}
        done = sample.enctest("-q", "-p", "handing_out", "-p", "no:randomly", **env)
        shutil.rmtree(sample.runtime)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return [float(line) for line in told.read_text(encoding="utf-8").split()][1:]


def first_query(rounds: int) -> tuple[float, list[float]]:
    """Return the milliseconds from nothing to the answer of a first query: cold once, then warm."""
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder), migrations())
        os.environ["XDG_CACHE_HOME"] = str(sample.runtime / "cache")
        project = Project(
            root=sample.root, invocation=sample.root, state=sample.runtime, runtime=sample.runtime
        )
        taken = []
        for _ in range(rounds + 1):
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
        return taken[0], taken[1:]


def forty(bin_folder: Path, *, peer: bool) -> tuple[float, float]:
    """Return milliseconds of set-up and teardown of 40 tests together, and of the whole run."""
    pg_ctl = shutil.which("pg_ctl") or next(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), Path("pg_ctl"))
    conftest = PEERS.replace("PG_CTL", repr(str(pg_ctl))) if peer else OURS
    files = {"conftest.py": conftest, "test_it.py": FORTY} | migrations()
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder), files if peer else files | {"pyproject.toml": PYPROJECT})
        command = [str(bin_folder / ("pytest" if peer else "enctest")), "-q", "--durations=0", "-vv"]
        begun = time.perf_counter()
        done = subprocess.run(
            command, cwd=sample.root, env=sample.env, capture_output=True, text=True, check=False
        )
        whole = (time.perf_counter() - begun) * 1000
        shutil.rmtree(sample.runtime)
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr)
    lines = [line.split() for line in done.stdout.splitlines() if "s setup " in line or "s teardown " in line]
    return sum(float(line[0].removesuffix("s")) * 1000 for line in lines), whole


def environment(place: Path) -> Path:
    """Return the programs of an environment that has both."""
    if not (place / "bin" / "pytest").exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
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
        middle, high = statistics.median(took), quantile(took, 0.95)
        print(f"hand-out, {name:24}{middle:8.2f} ms p50{high:8.2f} ms p95")
        good &= tests is POOLED or (middle <= P50_MS and high <= P95_MS)
    cold, warm = first_query(options.rounds)
    print(f"nothing to first query, cold{cold:15.0f} ms; warm{statistics.median(warm):8.0f} ms median")
    good &= cold <= COLD_MS and statistics.median(warm) <= WARM_MS
    if not options.no_peer:
        programs = environment(options.cache / "databases")
        (theirs, their_run), (ours, our_run) = forty(programs, peer=True), forty(programs, peer=False)
        print(f"40 tests, set-up and teardown: {theirs:.0f} ms with pytest-postgresql, {ours:.0f} ms")
        print(f"  {theirs / ours:.1f} times; whole run {their_run:.0f} and {our_run:.0f} ms")
        good &= theirs >= TIMES * ours
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
