"""What is known of a project between two starts: outcomes, traces, dependencies. One SQLite file.

Written through one thread of its own, so that the explorer's loop never waits for the disk. WAL and one
transaction per call: a process killed at any moment loses at most what it had not handed over yet.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from enctest.errors import EnctestError
from enctest.events import Before, Span, TestFinished
from enctest.store.rows import Batch, StoredTest
from enctest.store.schema import DamagedError, bring_up_to_date, opened, seal

T = TypeVar("T", bound=Sized)
_encode = msgspec.msgpack.encode
_DAMAGE = (sqlite3.DatabaseError, msgspec.MsgspecError, zlib.error)
_LARGEST_LEFT = 256 * 1024
"""Bytes of a result or trace that are kept of an earlier state; larger ones are not."""


def names(folder: Path) -> list[str]:
    """Return the names of the histories in a state folder."""
    return sorted(path.stem for path in folder.glob("history*.db") if not path.name.endswith(".broken.db"))


class History:
    """One history file of a project's state folder.

    Args:
        folder: The state folder.
        name: See `names`.
        in_any_case: Where there is no file to be had, keep everything in memory rather than fail.

    Attributes:
        notice: What is to be said about the file; empty when all is well.
        begun_anew: It was damaged: nothing of what was known before may be taken for true.

    Raises:
        EnctestError: The file cannot be opened, or not be written.
    """

    def __init__(self, folder: Path, name: str = "history", *, in_any_case: bool = False) -> None:
        self.path = folder / f"{name}.db"
        self.notice = ""
        self.begun_anew = False
        self._unwritten: list[Batch] = []
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            self._db = self._begin_anew(error)
        except EnctestError as error:
            if not in_any_case:
                raise
            self.notice = f"{error.title}. Nothing of this session will be remembered. {error.hint}"
            self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            bring_up_to_date(self._db)

    def _open(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
            self.path.chmod(0o600)
        except (sqlite3.OperationalError, OSError) as error:
            raise EnctestError(
                f"{self.path} cannot be opened: {error}", "Check the folder's permissions and free space."
            ) from error
        try:
            db.executescript(
                "pragma journal_mode = wal; pragma synchronous = normal; pragma recursive_triggers = on;"
            )
            bring_up_to_date(db)
        except sqlite3.OperationalError as error:  # no space, no permission, locked: the file is not to blame
            db.close()
            raise EnctestError(
                f"{self.path} cannot be written: {error}", "Check the folder's permissions and free space."
            ) from error
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            db.close()
            raise DamagedError(str(error)) from error
        return db

    def _begin_anew(self, error: Exception) -> sqlite3.Connection:
        aside = self.path.with_name(f"{self.path.stem}.{int(time.time())}.broken.db")
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.notice = (
            f"The history could not be read ({error}); it was moved to {aside.name} and begins anew."
        )
        self.begun_anew = True
        return self._open()

    def _load(self, read: Callable[[], T], empty: T, name: str) -> T:
        """Read what is taken up at a start; damage that shows only now moves the file aside, too.

        `name` is that of the rows in the table of totals.
        """
        try:
            return self._whole(read, name)
        except _DAMAGE as error:
            if self.begun_anew:
                raise EnctestError(f"{self.path} cannot be read: {error}") from error
            self._db.close()
            self._db = self._begin_anew(error)
            return empty

    def _whole(self, read: Callable[[], T], name: str) -> T:
        self._db.execute("begin")  # one view of rows and total, whoever writes meanwhile
        try:
            found = read()
            total = self._db.execute("select rows from total where name = ?", (name,)).fetchone()
        finally:
            self._db.execute("rollback")
        if len(found) != (total[0] if total else 0):
            raise DamagedError(f"rows of {name} are missing")
        return found

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- reading ---

    def meta(self, key: str, kind: type[Any]) -> Any:
        """Return the value stored under `key`, or None."""
        query = "select key, value from meta"
        found: dict[str, Any] = self._load(
            lambda: {
                name: msgspec.msgpack.decode(opened(name, data), type=kind if name == key else Any)
                for name, data in self._db.execute(query)
            },
            {},
            "meta",
        )
        return found.get(key)

    def tests(self) -> list[StoredTest]:
        """Return every known test in the suite's order."""
        decode = msgspec.msgpack.Decoder(StoredTest).decode
        query = "select id, data from test order by position"
        return self._load(
            lambda: [decode(opened(id_, data)) for id_, data in self._db.execute(query)], [], "tests"
        )

    def result(self, test: str) -> TestFinished | None:
        """Return a test's last result."""
        return self._result("select test, data from result where test = ?", test)

    def left_result(self, number: int) -> TestFinished | None:
        """Return a result that was kept beside; None also when it was too large for that."""
        return self._result("select test, result from past where id = ? and result is not null", number)

    def _result(self, query: str, key: str | int) -> TestFinished | None:
        with contextlib.suppress(*_DAMAGE):  # nothing to show is all that it means
            row = self._db.execute(query, (key,)).fetchone()
            return msgspec.msgpack.decode(opened(*row), type=TestFinished) if row else None
        return None

    def trace(self, test: str, kind: str = "last") -> tuple[int, tuple[Span, ...]]:
        """Return (run, spans) of a test's `last` trace, or of another kind; (0, ()) when there is none."""
        return self._trace("select run, data from trace where test = ? and kind = ?", test, kind)

    def base(self, test: str, run: int, against: Before) -> tuple[int, tuple[Span, ...]]:
        """Return (run, spans) of the last pass, or run, that was not `run`; (0, ()) when there is none."""
        for kind in _BASES[against]:
            found = self.trace(test, kind)
            if found[0] not in {0, run}:
                return found
        return 0, ()

    def left_trace(self, number: int) -> tuple[int, tuple[Span, ...]]:
        """Return (run, spans) of a trace that was kept beside."""
        return self._trace("select trace_run, trace from past where id = ? and trace not null", number)

    def _trace(self, query: str, *key: str | int) -> tuple[int, tuple[Span, ...]]:
        with contextlib.suppress(*_DAMAGE):  # as above
            row = self._db.execute(query, key).fetchone()
            if row is not None:
                return row[0], msgspec.msgpack.decode(zlib.decompress(row[1]), type=tuple[Span, ...])
        return 0, ()

    def dependencies(self, kind: str) -> dict[str, bytes]:
        """Return all stored dependency data of a kind by key."""
        query = "select key, data from dependency where kind = ?"
        return self._load(
            lambda: {key: opened(key, data) for key, data in self._db.execute(query, (kind,))}, {}, kind
        )

    def pasts(self) -> list[tuple[int, str, bytes]]:
        """Return (number, test, data) of all results that are kept beside, oldest first."""
        query = "select id, test, data from past order by id"
        return self._load(
            lambda: [(number, test, opened(test, data)) for number, test, data in self._db.execute(query)],
            [],
            "past",
        )

    # --- writing ---

    def save(self, batch: Batch) -> None:
        """Store all of this, or nothing of it.

        What could not be stored is stored with what comes next: an outdated test must never be forgotten
        while later changes are remembered.

        Raises:
            EnctestError: It could not be stored yet.
        """
        self._unwritten.append(batch)
        try:
            self._db.execute("begin immediate")
            with contextlib.closing(self._db.cursor()) as cursor:
                for each in self._unwritten:
                    for sql, rows in _statements(each):
                        cursor.executemany(sql, rows)
            self._db.execute("commit")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise EnctestError(
                f"{self.path} cannot be written: {error}",
                "Results are shown but not remembered until it can; check free space and permissions.",
            ) from error
        self._unwritten.clear()


_BASES: dict[Before, tuple[str, ...]] = {"pass": ("pass", "former pass"), "previous": ("last", "previous")}
_FORMER = """
insert or replace into trace
select test, ?3, run, data from trace where test = ?1 and kind = ?4 and run <> ?2 and length(data) < ?5"""
_KEEP = """
insert or replace into past values (
    ?1, ?2, ?3, (select data from result where test = ?2 and length(data) < ?5), ?4,
    (select data from trace where test = ?2 and kind = 'last' and run = ?4 and length(data) < ?5)
)"""
_RECALL_RESULT = """
insert or replace into result select test, result from past where id = ? and result not null"""
_RECALL_TRACE = """
insert or replace into trace
select test, 'last', trace_run, trace from past where id = ? and trace not null"""


def _statements(batch: Batch) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    yield (
        "insert or replace into result values (?, ?)",
        [(test, seal(test, _encode(result))) for test, result in batch.results.items()],
    )
    yield _FORMER, list(_former_rows(batch))
    yield "insert or replace into trace values (?, ?, ?, ?)", _trace_rows(batch)
    yield (
        _KEEP,
        [
            (left.number, left.test, seal(left.test, left.data), left.run, _LARGEST_LEFT)
            for left in batch.left
        ],
    )
    gone = [(test,) for test in batch.removed]
    yield "delete from test where id = ?", gone
    yield "delete from result where test = ?", gone
    yield "delete from trace where test = ?", gone
    recalled = [(number,) for number in batch.recalled.values()]
    yield _RECALL_RESULT, recalled
    yield _RECALL_TRACE, recalled
    yield "delete from past where id = ?", [(number,) for number in batch.dropped]
    yield (
        "insert or replace into test values (?, ?, ?)",
        [(name, test.position, seal(name, _encode(test))) for name, test in batch.tests.items()],
    )
    changed = batch.dependencies.items()
    yield (
        "insert or replace into dependency values (?, ?, ?)",
        [(kind, key, seal(key, data)) for (kind, key), data in changed if data is not None],
    )
    yield "delete from dependency where kind = ? and key = ?", [key for key, data in changed if data is None]
    yield (
        "insert or replace into meta values (?, ?)",
        [(key, seal(key, _encode(value))) for key, value in batch.meta.items()],
    )


def _former_rows(batch: Batch) -> Iterator[tuple[Any, ...]]:
    for test, (result, _) in batch.traces.items():
        yield test, result.run, "previous", "last", _LARGEST_LEFT
        if result.outcome == "passed":
            yield test, result.run, "former pass", "pass", _LARGEST_LEFT


def _trace_rows(batch: Batch) -> list[tuple[Any, ...]]:
    rows = []
    for test, (result, spans) in batch.traces.items():
        data = zlib.compress(_encode(spans), 1)
        rows.append((test, "last", result.run, data))
        if result.outcome == "passed":
            rows.append((test, "pass", result.run, data))
    return rows
