"""No change stays unseen for long, whatever the watch underneath loses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.engine.explorer.lab import Lab, explore

from enctest.watch.watcher import Watcher


def test_a_change_that_the_watch_has_lost_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = Watcher.changes

    async def deaf(self: Watcher) -> AsyncIterator[set[Path]]:
        """Say that all is watched, and lose everything."""
        async for _ in changes(self):
            yield set()

    monkeypatch.setattr(Watcher, "changes", deaf)
    files = {
        "lib.py": "def one(): return 1\n",
        "test_lib.py": "import lib\ndef test_one(): assert lib.one() == 1\n",
    }

    async def story(lab: Lab) -> None:
        assert await lab.edit("lib.py", "return 1", "return 2") == {"test_lib.py::test_one": "failed"}
        assert await lab.write("test_new.py", "def test_new(): pass\n") == {
            "test_new.py::test_new": "passed",
            "test_lib.py::test_one": "failed",
        }
        (lab.sample.root / "test_new.py").unlink()
        await lab.until("it is gone", lambda: "test_new.py::test_new" not in lab.explorer.book.tests)

    explore(tmp_path, monkeypatch, files, story)


def test_nothing_is_looked_for_while_git_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf(_: Watcher) -> AsyncIterator[set[Path]]:
        yield set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Watcher, "changes", deaf)
    files = {
        ".git/HEAD": "ref: refs/heads/main\n",
        "lib.py": "def one(): return 1\n",
        "test_lib.py": "import lib\ndef test_one(): assert lib.one() == 1\n",
    }

    async def story(lab: Lab) -> None:
        lock = lab.sample.write(".git/index.lock", "")
        before = lab.explorer.change
        lab.sample.replace("lib.py", "return 1", "return 2")
        await lab.explorer.changes.look()
        assert lab.explorer.change == before
        lock.unlink()
        await lab.explorer.changes.look()
        assert lab.explorer.change == before + 1

    explore(tmp_path, monkeypatch, files, story)


def test_a_file_that_is_saved_in_place_is_not_taken_for_empty(tmp_path: Path) -> None:
    path = tmp_path / "lib.py"
    path.write_text("")

    async def saved() -> None:
        rest = asyncio.create_task(Watcher(tmp_path)._rest({path}))
        await asyncio.sleep(0)
        assert not rest.done()
        path.write_text("def one(): return 1\n")
        assert await rest == set()
        assert await Watcher(tmp_path)._rest({path.with_name("empty")}) == set()

    asyncio.run(saved())


def test_what_tests_write_does_not_run_them_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "test_w.py": """
            import time
            def test_w():
                text = open("log.txt").read()
                open("log.txt", "w").write(text + "x")
        """,
        "log.txt": "",
    }

    async def story(lab: Lab) -> None:
        await lab.edit("test_w.py", "import time", "import time, os")
        size = len((lab.sample.root / "log.txt").read_text())
        await lab.explorer.changes.look()
        await lab.explorer.changes.look()
        await lab.until("idle", lambda: lab.explorer.idle.is_over)
        assert len((lab.sample.root / "log.txt").read_text()) <= size + 4

    explore(tmp_path, monkeypatch, files, story)


def test_a_test_of_which_nothing_is_known_runs_with_every_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "lib.py": "def one(): return 1\n",
        "test_a.py": "def test_a(): pass\n",
        "test_b.py": "def test_b(): pass\n",
    }

    async def story(lab: Lab) -> None:
        assert await lab.edit("lib.py", "return 1", "return 2") == {}
        lab.explorer.selector.forget(["test_b.py::test_b"])
        assert await lab.edit("lib.py", "return 2", "return 3") == {"test_b.py::test_b": "passed"}
        assert await lab.edit("lib.py", "return 3", "return 4") == {}

    explore(tmp_path, monkeypatch, files, story)
