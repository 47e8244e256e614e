"""What a fresh SQLite, Valkey or S3 costs a test, beside what suites do by themselves.

    python -m tests.benchmarks.engines [--rounds N]

leases one of each on a made project with 50 migrations, makes it fresh in turn with the usual way, and
prints the median and the 95th percentile of the milliseconds, and how many times longer the usual way takes.
`start` is the time from nothing running to the lease, with the migrations in the cache. The usual ways are:
the migrations on a new `:memory:` database, FLUSHALL by redis-py, moto's `mock_aws` with client and bucket.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import boto3
import redis
from moto import mock_aws

from enctest.config import DatabaseSettings
from enctest.databases.manager import DatabaseManager, Lease
from enctest.databases.resets import VARIABLE, lent
from enctest.paths import Project

_TABLES, _MIGRATIONS = 20, 50
_STARTS = 5
_ENGINES = {"shop": "sqlite", "cache": "valkey", "uploads": "s3"}


def migrations() -> list[str]:
    """Return SQL: tables, then columns and indexes."""
    made = [f"create table t{n} (id integer primary key, name text not null);" for n in range(_TABLES)]
    return made + [
        f"alter table t{n % _TABLES} add column c{n} text; create index i{n} on t{n % _TABLES} (c{n});"
        for n in range(_MIGRATIONS - _TABLES)
    ]


def timed(action: Callable[[], object]) -> float:
    """Return the milliseconds that it takes."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def starting(root: Path, name: str) -> tuple[DatabaseManager, Lease, float]:
    """Lease one database, with nothing running; return the milliseconds too."""
    settings = DatabaseSettings(engine=_ENGINES[name], migrations="migrations" if name == "shop" else "")
    project = Project(root=root, invocation=root, state=root, runtime=root)
    started = time.perf_counter()
    manager = DatabaseManager({name: settings}, project)
    lease = manager.lease("run")
    return manager, lease, (time.perf_counter() - started) * 1000


def usual(name: str, lease: Lease) -> Callable[[], object]:
    """Return what suites do to have it fresh."""
    if name == "shop":
        script = migrations()

        def migrate() -> None:
            with closing(sqlite3.connect(":memory:")) as connection:
                for sql in script:
                    connection.executescript(sql)

        return migrate
    if name == "cache":
        return redis.from_url(lease.urls[name]).flushall

    def mock() -> None:
        with mock_aws():
            boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=name)

    return mock


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.engines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    print(f"{'':8}{'start':>8}{'fresh':>8}{'p95':>8}{'usual':>8}{'p95':>8}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = str(Path(folder, "cache"))
        Path(folder, "migrations").mkdir()
        for number, sql in enumerate(migrations(), 1):
            Path(folder, "migrations", f"{number:02}.sql").write_text(sql, encoding="utf-8")
        for name, engine in _ENGINES.items():
            starts = []
            for _ in range(_STARTS + 1):
                manager, lease, milliseconds = starting(Path(folder), name)
                starts.append(milliseconds)
                if len(starts) <= _STARTS:
                    manager.close()
            (reset,) = lent(lease.env[VARIABLE])
            other = usual(name, lease)
            pairs = [(timed(reset.run), timed(other)) for _ in range(options.rounds)]
            manager.close()
            ours, theirs = (sorted(column) for column in zip(*pairs, strict=True))
            figures = [
                statistics.median(starts[1:]),
                *(value for column in (ours, theirs) for value in (statistics.median(column), p95(column))),
            ]
            ratio = statistics.median(theirs) / statistics.median(ours)
            print(f"{engine:8}" + "".join(f"{figure:8.2f}" for figure in figures) + f"{ratio:8.1f}")
    return 0


def p95(ordered: list[float]) -> float:
    """Return the 95th percentile."""
    return ordered[int(len(ordered) * 0.95)]


if __name__ == "__main__":
    main()
