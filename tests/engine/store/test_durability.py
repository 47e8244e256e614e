"""The history through new versions, damage, full disks and deaths."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.engine.store import version_1

from enctest.errors import EnctestError
from enctest.events import Span, TestFinished, TestInfo
from enctest.store.history import History
from enctest.store.rows import Batch, Left, StoredTest
from enctest.store.schema import VERSION


def finished(test: str, run: int = 1, **fields: object) -> TestFinished:
    return TestFinished(run=run, test=test, outcome="passed", duration_ms=1.5, t=1.0, **fields)  # type: ignore[arg-type]


def stored(test: str, *, outdated: bool = False, run: int = 1) -> StoredTest:
    info = TestInfo(test=test, path="a.py", line=1)
    return StoredTest(info=info, position=1, file="a.py", outcome="passed", outdated=outdated, run=run)


def filled(folder: Path, count: int = 200) -> None:
    """Make a history of several pages."""
    history = History(folder)
    tests = [f"a.py::test_{number}" for number in range(count)]
    history.save(
        Batch(
            tests={test: stored(test) for test in tests},
            results={test: finished(test, message="x" * 50) for test in tests},
            dependencies={("test", test): os.urandom(80) for test in tests},
            meta={"run": 1},
        )
    )
    history.close()


# --- versions -----------------------------------------------------------------------------------------


def test_a_history_of_version_1_is_taken_up(tmp_path: Path) -> None:
    results = [finished("a.py::x[é]", run=3), finished("b.py::y", run=4, message="m")]
    version_1.write(tmp_path / "history.db", results, {("file", "a.py"): b"f", ("test", "b.py::y"): b"t"})
    history = History(tmp_path)
    assert not history.notice
    assert [(test.info.test, test.outcome, test.outdated, test.run) for test in history.tests()] == [
        ("a.py::x[é]", "passed", False, 3),
        ("b.py::y", "passed", True, 4),
    ]
    assert [history.result(each.test) for each in results] == results
    assert history.dependencies("file") == {"a.py": b"f"}
    assert history.meta("run", int) == 4
    history.save(Batch(tests={"b.py::y": stored("b.py::y")}))
    history.close()
    again = History(tmp_path)
    assert not any(test.outdated for test in again.tests())
    again.close()


def test_an_upgrade_that_is_cut_short_leaves_the_old_version_whole(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    version_1.write(path, [finished("a.py::x")], {("file", "a.py"): b"f"})
    with sqlite3.connect(path) as db:
        db.execute("update test set info = 'no json'")
    db.close()
    history = History(tmp_path)
    assert history.begun_anew
    history.close()
    (aside,) = tmp_path.glob("history.*.broken.db")
    with sqlite3.connect(aside) as db:
        assert db.execute("pragma user_version").fetchone() == (1,)
        assert db.execute("select data from dependency").fetchall() == [(b"f",)]
    db.close()


def test_a_newer_version_is_kept_for_whoever_knows_it(tmp_path: Path) -> None:
    History(tmp_path).close()
    with sqlite3.connect(tmp_path / "history.db") as db:
        db.execute(f"pragma user_version = {VERSION + 1}")
    db.close()
    history = History(tmp_path)
    assert f"version {VERSION + 1}" in history.notice
    history.close()
    assert len(list(tmp_path.glob("history.*.broken.db"))) == 1


# --- damage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bits_are_noticed_or_change_nothing(tmp_path: Path, seed: int) -> None:
    filled(tmp_path)
    reference = History(tmp_path)
    truth = reference.tests(), reference.dependencies("test"), reference.meta("run", int)
    reference.close()
    path = tmp_path / "history.db"
    data = bytearray(path.read_bytes())
    chance = random.Random(seed)  # noqa: S311 - the same damage each time
    for _ in range(3):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    history = History(tmp_path)
    tests, needs, run = history.tests(), history.dependencies("test"), history.meta("run", int)
    if history.begun_anew:
        assert "moved to" in history.notice
        assert list(tmp_path.glob("history.*.broken.db"))
    else:
        assert (tests, needs, run) == truth
    history.save(Batch(tests={"new": stored("new")}))
    history.close()


@pytest.mark.parametrize("left", [0.2, 0.5, 0.9])
def test_a_file_that_was_cut_is_noticed(tmp_path: Path, left: float) -> None:
    filled(tmp_path)
    path = tmp_path / "history.db"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * left)])
    history = History(tmp_path)
    history.tests()
    history.dependencies("test")
    history.pasts()
    assert history.begun_anew
    history.close()


def test_two_rows_that_were_exchanged_are_noticed(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    with sqlite3.connect(tmp_path / "history.db") as db:
        other = db.execute("select data from dependency where key = 'a.py::test_1'").fetchone()
        db.execute("update dependency set data = ? where key = 'a.py::test_0'", other)
    db.close()
    history = History(tmp_path)
    assert history.dependencies("test") == {}
    assert history.begun_anew
    history.close()


# --- full disks and deaths ----------------------------------------------------------------------------


def test_what_did_not_fit_is_written_when_there_is_room_again(tmp_path: Path) -> None:
    """An outdated test must not be forgotten while a later change is remembered."""
    filled(tmp_path)
    history = History(tmp_path)
    size = history.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    big: dict[tuple[str, str], bytes | None] = {
        ("test", f"k{number}"): os.urandom(2000) for number in range(300)
    }
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 4, before[1]))
        with pytest.raises(EnctestError, match="cannot be written"):
            history.save(
                Batch(tests={"a.py::test_0": stored("a.py::test_0", outdated=True)}, dependencies=big)
            )
        with pytest.raises(EnctestError):
            history.save(Batch(meta={"run": 2}))
        assert history.meta("run", int) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    history.save(Batch(meta={"run": 3}))
    history.close()
    again = History(tmp_path)
    assert [test.info.test for test in again.tests() if test.outdated] == ["a.py::test_0"]
    assert again.meta("run", int) == 3
    again.close()


def test_without_a_file_everything_is_in_memory_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()
    with pytest.raises(EnctestError):
        History(tmp_path)
    history = History(tmp_path, in_any_case=True)
    assert "Nothing of this session will be remembered" in history.notice
    history.save(Batch(tests={"t": stored("t")}))
    assert history.tests() == [stored("t")]
    history.close()


_WRITER = """
import sys
from pathlib import Path
from tests.engine.store.test_durability import stored
from enctest.store.history import History
from enctest.store.rows import Batch
history = History(Path(sys.argv[1]))
for run in range(1, 10_000):
    tests = {f"t{number}": stored(f"t{number}", run=run) for number in range(50)}
    history.save(Batch(tests=tests, meta={"run": run}))
    print(run, flush=True)
"""


def test_a_writer_that_is_killed_has_written_all_or_nothing(tmp_path: Path) -> None:
    for kill_after in (1, 7, 30):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        lines = [next(writer.stdout) for _ in range(kill_after)]
        writer.kill()
        writer.wait()
        writer.stdout.close()
        history = History(tmp_path)
        run = history.meta("run", int)
        assert run >= int(lines[-1])
        assert {test.run for test in history.tests()} == {run}
        history.close()


# --- results of earlier states ------------------------------------------------------------------------


def test_a_result_that_is_kept_comes_back_with_its_trace(tmp_path: Path) -> None:
    spans = (Span(span=1, parent=None, name="x", kind="test", start_ns=1, end_ns=9),)
    old, new = finished("t", run=1, message="old"), finished("t", run=2, message="new")
    history = History(tmp_path)
    history.save(Batch(results={"t": old}, traces={"t": (old, spans)}))
    history.save(Batch(left=[Left(number=5, test="t", run=1, data=b"past")]))
    history.save(Batch(results={"t": new}, traces={"t": (new, ())}))
    assert history.pasts() == [(5, "t", b"past")]
    assert (history.left_result(5), history.left_trace(5)) == (old, (1, spans))
    history.save(Batch(removed=["t"], recalled={"t": 5}, dropped=[5]))
    assert (history.result("t"), history.trace("t")) == (old, (1, spans))
    assert history.pasts() == []
    history.close()
