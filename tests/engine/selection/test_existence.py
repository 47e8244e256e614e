"""Looking whether a file is there is a dependency."""

from __future__ import annotations

import inspect
import os
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from enctest.selection.recorder import Recorder
from enctest.selection.records import Records

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

TESTS = """
    import os
    import traceback
    from pathlib import Path

    HERE = Path(__file__).parent


    def test_exists():
        assert not os.path.exists(HERE / "absent.txt")


    def test_is_file():
        assert (HERE / "data" / "there.txt").is_file()


    def test_is_dir():
        assert (HERE / "data").is_dir()


    def test_no_dir():
        assert not os.path.isdir(os.path.join(HERE, "later"))


    def test_access():
        assert os.access("module.py", os.R_OK)


    def test_size():
        assert (HERE / "data" / "there.txt").stat().st_size == 3


    def test_made():
        made = HERE / "out" / "made.txt"
        made.parent.mkdir()
        assert not made.exists()
        made.write_text("x")
        assert made.exists()
        made.unlink()
        made.parent.rmdir()


    def test_nothing():
        try:
            raise OSError
        except OSError:
            assert "test_nothing" in traceback.format_exc()
"""


@pytest.fixture
def looked(lab: Lab) -> Lab:
    lab.write("data/there.txt", "one")
    lab.write("module.py", "X = 1\n")
    lab.write("test_a.py", TESTS)
    lab.record()
    return lab


def chosen(lab: Lab) -> set[str]:
    return {test.rpartition("::")[2] for test in lab.ask().tests}


def test_what_appears(looked: Lab) -> None:
    looked.write("absent.txt", "")
    assert chosen(looked) == {"test_exists"}
    looked.take()
    looked.write("later/deep/a.txt", "")
    assert chosen(looked) == {"test_no_dir"}


def test_what_is_gone(looked: Lab) -> None:
    (looked.root / "module.py").unlink()
    assert chosen(looked) == {"test_access"}
    looked.take()
    (looked.root / "data" / "there.txt").unlink()
    (looked.root / "data").rmdir()
    assert chosen(looked) == {"test_is_file", "test_is_dir", "test_size"}


def test_what_changes(looked: Lab) -> None:
    looked.write("module.py", "X = 2\n")
    assert chosen(looked) == set()
    looked.write("data/there.txt", "three")
    assert chosen(looked) == {"test_is_file", "test_size"}


def test_what_a_run_makes_itself_is_no_dependency(looked: Lab) -> None:
    looked.write("out/made.txt", "x")
    assert chosen(looked) == set()


def test_the_functions_stay_what_they_are(tmp_path: Path) -> None:
    before = os.stat
    recorder = Recorder(tmp_path, Records(1, lambda _: None), tmp_path / "state")
    recorder.install()
    try:
        stat: Any = os.stat
        assert stat is not before
        assert {os.stat, os.access} <= os.supports_follow_symlinks | os.supports_dir_fd
        assert inspect.signature(os.stat) == inspect.signature(before)
        assert pickle.loads(pickle.dumps(os.stat)) is os.stat  # noqa: S301 - made here
        assert stat(path=tmp_path).st_ino == before(tmp_path).st_ino
        assert stat(0) == before(0)
        with pytest.raises(TypeError, match="follow"):
            stat(tmp_path, follow=True)
        shutil.rmtree(tmp_path / "state", ignore_errors=True)
    finally:
        recorder.uninstall()
    assert os.stat is before
    assert before in os.supports_fd
