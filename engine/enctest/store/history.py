"""What is known of a project between two starts: outcomes, traces, dependencies. One SQLite file.

Written through one thread of its own, so that the explorer's loop never waits for the disk. WAL and one
transaction per call: a process killed at any moment loses at most what it had not handed over yet.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from enctest.errors import EnctestError
from enctest.events import Outcome, Span, TestFinished, TestInfo

VERSION = 1
"""Version of the tables; another one on disk is moved aside, not guessed at."""

_TABLES = """
create table if not exists meta (key text primary key, value blob not null) without rowid;
create table if not exists test (
    id text primary key, position integer not null, file text not null, info blob not null,
    outcome text, duration_ms real not null default 0, message text not null default '',
    outdated integer not null default 1, run integer not null default 0
) without rowid;
create table if not exists result (test text primary key, data blob not null) without rowid;
create table if not exists trace (
    test text not null, kind text not null, run integer not null, data blob not null,
    primary key (test, kind)
) without rowid;
create table if not exists dependency (kind text not null, key text not null, data blob not null,
    primary key (kind, key)) without rowid;
"""


def names(folder: Path) -> list[str]:
    """Return the names of the histories in a state folder."""
    return sorted(path.stem for path in folder.glob("history*.db") if not path.name.endswith(".broken.db"))


class StoredTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test as the history knows it; `file` is the node id's file, `position` its place in the suite."""

    info: TestInfo
    position: int
    file: str
    outcome: Outcome | None = None
    duration_ms: float = 0.0
    message: str = ""
    outdated: bool = True
    run: int = 0


class History:
    """One history file of a project's state folder."""

    def __init__(self, folder: Path, name: str = "history") -> None:
        self.path = folder / f"{name}.db"
        self.notice = ""
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            self.notice = self._move_aside(str(error))
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
            self.path.chmod(0o600)
        except (sqlite3.OperationalError, OSError) as error:
            raise EnctestError(
                f"{self.path} cannot be opened: {error}", "Check the folder's permissions and free space."
            ) from error
        try:
            db.executescript("pragma journal_mode = wal; pragma synchronous = normal;")
            version = db.execute("pragma user_version").fetchone()[0]
            if version not in (0, VERSION):
                self._refuse(version)
            db.executescript(_TABLES)
            db.execute(f"pragma user_version = {VERSION}")
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    @staticmethod
    def _refuse(version: int) -> None:
        raise sqlite3.DatabaseError(f"it has version {version}, this enctest knows {VERSION}")

    def _move_aside(self, why: str) -> str:
        aside = self.path.with_name(f"{self.path.stem}.{int(time.time())}.broken.db")
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        return f"The history could not be read ({why}); it was moved to {aside.name} and begins anew."

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- meta ---

    def meta(self, key: str, kind: type[Any]) -> Any:
        """Return the value stored under `key`, or None."""
        row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return msgspec.msgpack.decode(row[0], type=kind) if row else None

    def set_meta(self, key: str, value: object) -> None:
        """Store a value under `key`."""
        data = msgspec.msgpack.encode(value)
        self._write([("insert or replace into meta values (?, ?)", [(key, data)])])

    # --- tests ---

    def tests(self) -> list[StoredTest]:
        """Return every known test in the suite's order."""
        decode = msgspec.json.Decoder(TestInfo).decode
        rows = self._db.execute(
            "select info, position, file, outcome, duration_ms, message, outdated, run"
            " from test order by position"
        )
        return [
            StoredTest(
                info=decode(info),
                position=position,
                file=file,
                outcome=outcome,
                duration_ms=duration,
                message=message,
                outdated=bool(outdated),
                run=run,
            )
            for info, position, file, outcome, duration, message, outdated, run in rows
        ]

    def save(
        self,
        *,
        tests: Iterable[StoredTest] = (),
        results: Iterable[TestFinished] = (),
        traces: Iterable[tuple[TestFinished, tuple[Span, ...]]] = (),
        removed: Iterable[str] = (),
        dependencies: Mapping[tuple[str, str], bytes | None] | None = None,
    ) -> None:
        """Store all of this, or nothing of it.

        Args:
            tests: Their state, outdated flags included.
            results: Last results, with failure and output.
            traces: Each with the result it explains; kept as the last one, and the last pass.
            removed: Node ids that are gone.
            dependencies: (kind, key) to data; None deletes.
        """
        gone = [(test,) for test in removed]
        changed = (dependencies or {}).items()
        self._write(
            [
                ("delete from test where id = ?", gone),
                ("delete from result where test = ?", gone),
                ("delete from trace where test = ?", gone),
                ("insert or replace into test values (?, ?, ?, ?, ?, ?, ?, ?, ?)", [_row(t) for t in tests]),
                (
                    "insert or replace into result values (?, ?)",
                    [(result.test, msgspec.msgpack.encode(result)) for result in results],
                ),
                ("insert or replace into trace values (?, ?, ?, ?)", _trace_rows(traces)),
                (
                    "insert or replace into dependency values (?, ?, ?)",
                    [(*key, data) for key, data in changed if data is not None],
                ),
                (
                    "delete from dependency where kind = ? and key = ?",
                    [key for key, data in changed if data is None],
                ),
            ]
        )

    def result(self, test: str) -> TestFinished | None:
        """Return a test's last result."""
        row = self._db.execute("select data from result where test = ?", (test,)).fetchone()
        return msgspec.msgpack.decode(row[0], type=TestFinished) if row else None

    def trace(self, test: str, kind: str = "last") -> tuple[int, tuple[Span, ...]]:
        """Return (run, spans) of a test's last trace, or of its last `pass`; (0, ()) when there is none."""
        row = self._db.execute(
            "select run, data from trace where test = ? and kind = ?", (test, kind)
        ).fetchone()
        if row is None:
            return 0, ()
        return row[0], msgspec.msgpack.decode(zlib.decompress(row[1]), type=tuple[Span, ...])

    def dependencies(self, kind: str) -> dict[str, bytes]:
        """Return all stored dependency data of a kind by key."""
        return dict(self._db.execute("select key, data from dependency where kind = ?", (kind,)))

    def _write(self, statements: Iterable[tuple[str, list[Any]]]) -> None:
        try:
            self._db.execute("begin immediate")
            with closing(self._db.cursor()) as cursor:
                for sql, rows in statements:
                    cursor.executemany(sql, rows)
            self._db.execute("commit")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise EnctestError(
                f"{self.path} cannot be written: {error}",
                "Results of this run are shown but not remembered; check free space and permissions.",
            ) from error


def _row(test: StoredTest) -> tuple[Any, ...]:
    return (
        test.info.test,
        test.position,
        test.file,
        msgspec.json.encode(test.info),
        test.outcome,
        test.duration_ms,
        test.message,
        int(test.outdated),
        test.run,
    )


def _trace_rows(traces: Iterable[tuple[TestFinished, tuple[Span, ...]]]) -> list[tuple[Any, ...]]:
    rows = []
    for result, spans in traces:
        data = zlib.compress(msgspec.msgpack.encode(spans), 1)
        rows.append((result.test, "last", result.run, data))
        if result.outcome == "passed":
            rows.append((result.test, "pass", result.run, data))
    return rows
