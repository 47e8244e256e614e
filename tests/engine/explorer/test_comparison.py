"""The explorer remembers what a test's trace can be compared with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.explorer.lab import Lab, explore

from enctest.events import Against, Base, FindBase

TEST = "test_shop.py::test_price"
FILES = {
    "shop.py": """
        import sqlite3
        def price():
            db = sqlite3.connect(":memory:")
            found = db.execute("select 1").fetchone()[0]
            db.close()
            return found
    """,
    "test_shop.py": """
        import shop
        def test_price(): assert shop.price() == 1
    """,
}


async def base(lab: Lab, run: int, against: Against, other: str = "") -> tuple[int, list[str]]:
    """Ask what the test's trace of a run is compared with; return the run, and the queries in it."""
    lab.give(FindBase(test=TEST, run=run, against=against, other=other))
    await lab.until("the answer", lambda: lab.new(Base))
    (answer,) = lab.new(Base)
    assert (answer.test, answer.run, answer.against, answer.other) == (TEST, run, against, other)
    return answer.base_run, [
        str(span.attributes.get("db.query.text")) for span in answer.spans if span.kind == "db"
    ]


def test_the_last_pass_stays_at_hand_while_a_test_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(lab: Lab) -> None:
        passed = lab.explorer.journal.trace(TEST)[0]
        assert passed
        assert await base(lab, passed, "pass") == (0, [])
        assert await lab.edit("shop.py", "select 1", "select 2") == {TEST: "failed"}
        first = lab.explorer.journal.trace(TEST)[0]
        assert await lab.edit("shop.py", "select 2", "select 3") == {TEST: "failed"}
        second = lab.explorer.journal.trace(TEST)[0]
        await lab.until("it is written", lambda: lab.explorer.journal.history.trace(TEST)[0] == second)
        assert await base(lab, second, "pass") == (passed, ["select 1"])
        assert await base(lab, second, "previous") == (first, ["select 2"])
        assert await base(lab, second + 1, "previous") == (second, ["select 3"])

    explore(tmp_path, monkeypatch, FILES, story)


def test_another_tests_last_trace_is_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "test_shop.py::test_double"
    more = "def test_double(): assert shop.price() * 2 == 2\n"
    files = {**FILES, "test_shop.py": f"import shop\ndef test_price(): assert shop.price() == 1\n{more}"}

    async def story(lab: Lab) -> None:
        journal = lab.explorer.journal
        run = journal.trace(TEST)[0]
        assert await base(lab, run, "other", other) == (run, ["select 1"])
        assert await base(lab, run, "other", "test_shop.py::test_gone") == (0, [])
        await lab.edit("shop.py", "select 1", "select 2")
        again = journal.trace(other)[0]
        assert again > run
        assert await base(lab, run, "other", other) == (again, ["select 2"])
        await lab.until("it is written", lambda: journal.history.trace(other)[0] == again)

    explore(tmp_path, monkeypatch, files, story)
