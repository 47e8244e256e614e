"""Writes a history as version 1 had it, by SQL: what later versions have to be able to take up."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from enctest.events import TestFinished, TestInfo

TABLES = """
create table meta (key text primary key, value blob not null) without rowid;
create table test (
    id text primary key, position integer not null, file text not null, info blob not null,
    outcome text, duration_ms real not null default 0, message text not null default '',
    outdated integer not null default 1, run integer not null default 0
) without rowid;
create table result (test text primary key, data blob not null) without rowid;
create table trace (
    test text not null, kind text not null, run integer not null, data blob not null,
    primary key (test, kind)
) without rowid;
create table dependency (kind text not null, key text not null, data blob not null,
    primary key (kind, key)) without rowid;
pragma user_version = 1;
"""


def write(path: Path, results: list[TestFinished], dependencies: dict[tuple[str, str], bytes]) -> None:
    """Write a file that holds these results, the last one of them outdated since."""
    encode = msgspec.msgpack.encode
    with sqlite3.connect(path) as db:
        db.executescript(TABLES)
        db.execute("insert into meta values ('run', ?)", (encode(max(each.run for each in results)),))
        for position, each in enumerate(results, 1):
            info = TestInfo(test=each.test, path=each.test.partition("::")[0], line=position)
            db.execute(
                "insert into test values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    each.test, position, info.path, msgspec.json.encode(info), each.outcome, each.duration_ms,
                    each.message, int(position == len(results)), each.run,
                ),
            )  # fmt: skip
            db.execute("insert into result values (?, ?)", (each.test, encode(each)))
        for (kind, key), data in dependencies.items():
            db.execute("insert into dependency values (?, ?, ?)", (kind, key, data))
    db.close()
