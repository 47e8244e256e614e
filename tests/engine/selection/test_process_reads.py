"""Variables that a process reads, and files that it looks for, count for the test that started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.selection.conftest import Lab

TESTS = """
    import os, subprocess, sys
    from pathlib import Path

    ROOT = Path(__file__).parent

    def python(code, **options):
        subprocess.run([sys.executable, "-c", f"import os; {code}"], cwd=ROOT, check=True, **options)

    def test_nothing():
        python("pass")

    def test_from_afar():
        python("os.environ['ONE']")

    def test_near():
        python("import app; assert app.NAME == 'v'; os.getenv('TWO')")

    def test_own_for_it():
        python("assert os.environ['THREE'] == 'own'", env={"THREE": "own"})

    def test_own(monkeypatch):
        monkeypatch.setenv("THREE", "own")
        python("import app; assert os.environ['THREE'] == 'own'")

    def test_its_own():
        python("import app; os.environ['THREE'] = 'own'; os.environ['THREE']")

    def test_not_passed_on():
        python("assert 'FOUR' not in os.environ", env={"ONE": "1"})

    def test_passed_on():
        python("import app; list(os.environ.items())", env={"FIVE": os.environb[b"FIVE"].decode()})

    def test_all():
        python("import app; dict(os.environ)")

    def test_looks_from_afar():
        python("assert not os.path.exists('new.txt')")

    def test_looks():
        python("import app; assert not os.path.exists('more/late.txt')")

    def test_makes():
        python("import app; open('made.txt', 'w').close(); assert os.path.exists('made.txt')")
"""


@pytest.fixture
def read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    for name in ("NAME", "ONE", "TWO", "THREE", "FOUR", "FIVE"):
        monkeypatch.setenv(name, "v")
    lab.write("app.py", "import os\n\nNAME = os.environ.get('NAME')\n")
    lab.write("test_a.py", TESTS)
    lab.record()
    return lab


@pytest.mark.parametrize(
    ("name", "tests"),
    [
        ("ONE", {"test_from_afar"}),
        ("TWO", {"test_near"}),
        ("THREE", set()),
        ("FOUR", set()),
        ("FIVE", {"test_passed_on"}),
        ("UNKNOWN", set()),
    ],
)
def test_a_variable_counts_where_the_process_was_given_the_users_value(
    read: Lab, name: str, tests: set[str]
) -> None:
    found = read.index.affected({}, [name])
    assert {test.rpartition("::")[2] for test in found.tests} == tests | {"test_all"}


def test_a_variable_read_at_import_counts_for_all_processes_that_import(read: Lab) -> None:
    found = {test.rpartition("::")[2] for test in read.index.affected({}, ["NAME"]).tests}
    assert {"test_near", "test_own", "test_its_own", "test_all", "test_looks", "test_makes"} <= found
    assert found.isdisjoint({"test_nothing", "test_from_afar", "test_own_for_it", "test_looks_from_afar"})


@pytest.mark.parametrize(
    ("path", "tests"),
    [("new.txt", {"test_looks_from_afar"}), ("more/late.txt", {"test_looks"}), ("other.txt", set())],
)
def test_a_file_counts_that_a_process_looked_for(read: Lab, path: str, tests: set[str]) -> None:
    read.write(path, "new")
    assert {test.rpartition("::")[2] for test in read.ask().tests} == tests


def test_a_file_that_the_process_makes_does_not_count(read: Lab) -> None:
    (read.root / "made.txt").unlink()
    read.take()
    read.write("made.txt", "by the user")
    assert not read.ask().tests
