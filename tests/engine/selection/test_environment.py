"""Variables of the environment are dependencies of exactly what reads them."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enctest.selection.recorder import Recorder
from enctest.selection.records import Records
from enctest.selection.variables import changed_names, environment_of

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

TESTS = """
    import os
    import shutil
    import subprocess
    from unittest import mock

    import pytest

    import settings


    def test_getenv():
        assert os.getenv("ONE") is None


    def test_in():
        assert "TWO" not in os.environ


    def test_bytes():
        assert os.environb.get(b"THREE") is None


    def test_expanded():
        assert os.path.expandvars("$FOUR") == "$FOUR"


    @pytest.fixture(scope="module")
    def shared():
        return os.environ.get("FIVE")


    def test_fixture_first(shared):
        pass


    def test_fixture_second(shared):
        pass


    def test_import():
        assert settings.DEBUG is None


    def test_own(monkeypatch):
        monkeypatch.setenv("ONE", "1")
        assert os.environ["ONE"] == "1"


    @mock.patch.dict(os.environ, {"TWO": "2"}, clear=True)
    def test_patched():
        assert os.environ["TWO"] == "2"


    def test_copy():
        assert {**os.environ} == dict(os.environ) == os.environ.copy()
        for name, value in os.environ.items():
            assert name


    def test_nothing():
        shutil.which("sh")
        assert repr([])
"""


@pytest.fixture
def read(lab: Lab) -> Lab:
    lab.write("settings.py", 'import os\n\nDEBUG = os.environ.get("SIX")\n')
    lab.write("test_a.py", TESTS)
    lab.record()
    return lab


@pytest.mark.parametrize(
    ("name", "tests"),
    [
        ("ONE", {"test_getenv"}),
        ("TWO", {"test_in"}),
        ("THREE", {"test_bytes"}),
        ("FOUR", {"test_expanded"}),
        ("FIVE", {"test_fixture_first", "test_fixture_second"}),
        ("PATH", set()),
        ("TERM", set()),
        ("UNKNOWN", set()),
    ],
)
def test_a_variable_affects_its_readers(read: Lab, name: str, tests: set[str]) -> None:
    found = read.index.affected({}, [name])
    copies = set() if name in {"PATH", "TERM"} else {"test_copy"}
    assert {test.rpartition("::")[2] for test in found.tests} == tests | copies
    assert set(found.tests.values()) <= {f"`${name}` changed, which it reads"}


def test_a_variable_read_at_import_affects_the_importers(read: Lab) -> None:
    found = read.index.affected({}, ["SIX"])
    assert len(found.tests) == len(read.index.tests)
    assert found.tests["test_a.py::test_nothing"] == (
        "`$SIX` changed, which is read when `settings.py` is imported, imported by test_a.py"
    )


def test_what_configures_pytest_affects_everything(read: Lab) -> None:
    assert read.index.affected({}, ["PYTEST_ADDOPTS"]).everything == "`$PYTEST_ADDOPTS` changed"


def test_what_another_test_left_behind_counts_as_found(lab: Lab) -> None:
    lab.write(
        "test_a.py",
        """
        import os

        def test_leaves():
            os.environ["LEFT"] = "1"

        def test_finds():
            assert os.environ["LEFT"] == "1"
        """,
    )
    lab.record()
    assert set(lab.index.affected({}, ["LEFT"]).tests) == {"test_a.py::test_finds"}


def test_a_conftests_own_variable_is_no_dependency_but_a_default_is(lab: Lab) -> None:
    lab.write("conftest.py", 'import os\n\nos.environ["MINE"] = "1"\nos.environ.setdefault("YOURS", "2")\n')
    lab.write("test_a.py", 'import os\n\n\ndef test_a():\n    assert os.environ["MINE"] == "1"\n')
    lab.record()
    assert not lab.index.affected({}, ["MINE"]).tests
    assert lab.index.affected({}, ["YOURS"]).tests


def test_the_recorder_knows_what_was_set_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERE", "1")
    recorder = Recorder(tmp_path, Records(1, lambda _: None), tmp_path / "state")
    recorder.install()
    try:
        os.environ["THERE"] = "1"
        monkeypatch.setenv("SET", "2")
        monkeypatch.delenv("THERE")
        assert recorder.environment_set == {"SET", "THERE"}
        assert type(copy.deepcopy(os.environ)._data) is dict  # type: ignore[attr-defined]
        assert os.environ.copy() == dict(os.environ)
        assert "'SET': '2'" in repr(os.environ)
    finally:
        recorder.uninstall()
    assert type(os.environ._data) is dict  # type: ignore[attr-defined]
    assert os.environ["SET"] == os.environb[b"SET"].decode() == "2"


def test_environments_are_compared_without_values() -> None:
    old = environment_of({"A": "secret", "B": "1", "C": "1"})
    new = environment_of({"A": "secret", "B": "2", "D": "1"}, old.salt)
    assert list(changed_names(old, new)) == ["B", "C", "D"]
    assert "secret" not in repr(old)
    assert environment_of({"A": "secret"}).hashes != environment_of({"A": "secret"}).hashes
