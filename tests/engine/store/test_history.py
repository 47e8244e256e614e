from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from enctest.errors import EnctestError
from enctest.events import Span, TestFinished, TestInfo
from enctest.store.history import History
from enctest.store.rows import Batch, StoredTest

INFO = TestInfo(test="a.py::x[é]", path="a.py", line=3, markers=("slow",))


def stored(**changes: object) -> StoredTest:
    values: dict[str, object] = {
        "info": INFO,
        "position": 1,
        "file": "a.py",
        "outcome": "passed",
        "outdated": False,
    }
    return StoredTest(**(values | changes))  # type: ignore[arg-type]


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    result = TestFinished(run=2, test=INFO.test, outcome="passed", duration_ms=2.5)
    spans = (
        Span(span=1, parent=None, name="x", kind="test", start_ns=1, end_ns=9, attributes={"a": [1, "b"]}),
    )
    first = History(tmp_path)
    first.save(
        Batch(
            tests={INFO.test: stored()},
            results={INFO.test: result},
            traces={INFO.test: (result, spans)},
            dependencies={("test", "k"): b"v"},
            meta={"modules": ["json", "httpx"]},
        )
    )
    first.close()
    second = History(tmp_path)
    assert second.tests() == [stored()]
    assert second.result(INFO.test) == result
    assert second.trace(INFO.test) == (2, spans)
    assert second.trace(INFO.test, "pass") == (2, spans)
    assert second.dependencies("test") == {"k": b"v"}
    assert second.meta("modules", list[str]) == ["json", "httpx"]
    assert second.path.stat().st_mode & 0o777 == 0o600
    second.close()


def test_a_failure_does_not_replace_the_last_pass(tmp_path: Path) -> None:
    history = History(tmp_path)
    for run, outcome in ((1, "passed"), (2, "failed")):
        result = TestFinished(run=run, test="t", outcome=outcome, duration_ms=1)  # type: ignore[arg-type]
        history.save(Batch(traces={"t": (result, ())}))
    assert history.trace("t") == (2, ())
    assert history.trace("t", "pass") == (1, ())
    history.close()


def test_a_trace_is_compared_with_an_earlier_pass_or_run(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.base("t", 1, "pass") == (0, ())
    for run, outcome in ((1, "passed"), (2, "passed"), (3, "failed"), (4, "failed")):
        result = TestFinished(run=run, test="t", outcome=outcome, duration_ms=1)  # type: ignore[arg-type]
        history.save(Batch(traces={"t": (result, ())}))
        history.save(Batch(traces={"t": (result, ())}))  # written once more, after a failing disk
    assert history.base("t", 4, "pass")[0] == 2
    assert history.base("t", 2, "pass")[0] == 1  # as when its result is known again
    assert history.base("t", 4, "previous")[0] == 3
    assert history.base("t", 5, "previous")[0] == 4  # it runs just now
    history.save(Batch(removed=["t"]))
    assert history.base("t", 5, "pass") == history.base("t", 5, "previous") == (0, ())
    history.close()


def test_removed_tests_leave_nothing(tmp_path: Path) -> None:
    history = History(tmp_path)
    result = TestFinished(run=1, test=INFO.test, outcome="passed", duration_ms=1)
    history.save(
        Batch(tests={INFO.test: stored()}, results={INFO.test: result}, traces={INFO.test: (result, ())})
    )
    history.save(Batch(removed=[INFO.test]))
    assert history.tests() == []
    assert history.result(INFO.test) is None
    assert history.trace(INFO.test) == (0, ())
    history.close()


@pytest.mark.parametrize("damage", ["garbage", "version"])
def test_a_history_that_cannot_be_read_is_moved_aside_and_said(tmp_path: Path, damage: str) -> None:
    History(tmp_path).close()
    path = tmp_path / "history.db"
    if damage == "garbage":
        path.write_bytes(b"this is no database" * 1000)
    else:
        with sqlite3.connect(path) as db:
            db.execute("pragma user_version = 999")
        db.close()
    history = History(tmp_path)
    assert "moved to" in history.notice
    assert history.tests() == []
    history.close()
    assert len(list(tmp_path.glob("history.*.broken.db"))) == 1


def test_a_save_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    history = History(tmp_path)
    other = sqlite3.connect(tmp_path / "history.db", timeout=0)
    history._db.execute("pragma busy_timeout = 50")
    other.execute("begin immediate")
    with pytest.raises(EnctestError, match="cannot be written"):
        history.save(Batch(tests={INFO.test: stored()}))
    other.execute("rollback")
    other.close()
    assert history.tests() == []
    history.save(Batch(meta={"run": 7}))
    assert history.tests() == [stored()], "what could not be written comes with what follows"
    assert history.meta("run", int) == 7
    history.close()
