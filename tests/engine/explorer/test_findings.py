"""The explorer measures what finishes, and says what it finds about the test that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.explorer.lab import Lab, explore

from enctest.events import Explain, Findings, Measured, RunTests, TestFinished
from enctest.store.rows import remembered

TEST = "test_shop.py::test_lines"
FILES = {
    "shop.py": """
        import sqlite3
        def lines(orders):
            db = sqlite3.connect(":memory:")
            db.execute("create table line (id int, owner int)")
            found = [db.execute("select id from line where owner = ?", (order,)) for order in orders]
            db.close()
            return found
    """,
    "test_shop.py": """
        import shop
        def test_lines(): assert len(shop.lines([1, 2, 3])) == 3
    """,
}


async def explained(lab: Lab) -> Findings:
    """Ask what is found about the test's last run."""
    run = lab.explorer.book.tests[TEST].run
    lab.give(Explain(test=TEST, run=run))
    await lab.until("the answer", lambda: lab.new(Findings))
    (answer,) = lab.new(Findings)
    assert (answer.test, answer.run) == (TEST, run)
    return answer


def test_queries_in_a_loop_are_counted_found_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(lab: Lab) -> None:
        (first,) = [event for event in lab.log if isinstance(event, Measured)]
        assert (first.test, first.base) == (TEST, None)
        assert (first.figures.queries, first.figures.findings) == (4, 1)
        assert first.figures.db_ms > 0
        assert first.figures.self_ms > 0

        assert await lab.edit("test_shop.py", "[1, 2, 3])) == 3", "[1, 2, 3, 4, 5])) == 5") == {
            TEST: "passed"
        }
        (second,) = lab.new(Measured)
        assert second.figures.queries == 6
        assert second.base == first.figures
        await lab.until("it is written", lambda: lab.explorer.journal.history.trace(TEST)[0] == second.run)
        (found,) = (await explained(lab)).findings
        assert (found.kind, found.place, len(found.spans)) == ("repeated-query", "shop.py:6", 5)
        assert "At the last pass there were 3." in found.why

        (stored,) = lab.explorer.journal.history.tests()
        assert (stored.figures, stored.base) == (second.figures, second.base)
        assert [one.outcome for one in remembered(stored.recent)] == ["passed", "passed"]

    explore(tmp_path, monkeypatch, FILES, story)


def test_an_outcome_that_changes_with_the_same_code_is_flaky(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    files = {
        "test_shop.py": f"""
        import subprocess
        def test_lines(): assert subprocess.call(["test", "-e", {str(elsewhere / "broken")!r}]) == 1
        """
    }

    async def story(lab: Lab) -> None:
        assert (await explained(lab)).findings == ()
        (elsewhere / "broken").touch()
        lab.give(RunTests(tests=(TEST,)))
        await lab.until("the result", lambda: lab.new(TestFinished))
        assert lab.outcomes() == {TEST: "failed"}
        assert [event.figures.findings for event in lab.new(Measured)] == [1]
        (found,) = (await explained(lab)).findings
        assert (found.kind, found.title) == ("flaky", "passed, then failed, with the same code")

    (tmp_path / "project").mkdir()
    explore(tmp_path / "project", monkeypatch, files, story)


def test_what_is_silenced_is_neither_counted_nor_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(lab: Lab) -> None:
        (first,) = [event for event in lab.log if isinstance(event, Measured)]
        assert first.figures.findings == 0
        assert (await explained(lab)).findings == ()

    settings = """
        [tool.pytest.ini_options]
        pythonpath = ["."]
        [tool.enctest]
        audit = false
        [tool.enctest.findings.silence]
        repeated-query = ["shop.py:*"]
    """
    explore(tmp_path, monkeypatch, {**FILES, "pyproject.toml": settings}, story)
