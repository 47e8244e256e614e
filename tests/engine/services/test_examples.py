"""The sample project of services, which README's table names, run in every way that there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.engine.services.conftest import MakeProject, bare_pytest
from tests.harness import PATIENCE, Sample

EXAMPLES = Path(__file__).parents[2] / "projects" / "services"
TESTS = [
    name
    for path in EXAMPLES.rglob("test_*.py")
    for name in re.findall(r"^ *def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
]
CASES = len(TESTS) + 2
"""Two of them are there for two parameters."""


@pytest.fixture
def examples(project: MakeProject) -> Sample:
    """A copy of the project."""
    return copy_of(EXAMPLES, project)


def copy_of(folder: Path, project: MakeProject) -> Sample:
    paths = [path for path in folder.rglob("*") if path.suffix in {".py", ".sql", ".toml"}]
    return project({str(path.relative_to(folder)): path.read_text("utf-8") for path in paths})


@pytest.mark.parametrize(
    "args", [("-p", "no:randomly"), ("-p", "randomly"), ("-p", "no:randomly", "-n", "2")], ids=str
)
def test_they_pass_under_bare_pytest(examples: Sample, args: tuple[str, ...]) -> None:
    done = bare_pytest(examples, *args)
    assert f"{CASES} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("args", [("-q",), ("-q", "-n", "2")], ids=str)
def test_they_pass_under_enctest(examples: Sample, args: tuple[str, ...]) -> None:
    done = examples.enctest(*args)
    assert f"{CASES} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_they_pass_in_the_explorer_and_after_a_save(examples: Sample) -> None:
    with examples.watch() as watch:
        found = watch.outcomes()
        assert len(found) == CASES
        assert set(found.values()) == {"passed"}
        again = watch.edit("shop/mails.py", "{order.customer}: thank you", "{order.customer}: many thanks")
        failed = [test for test, outcome in again.items() if outcome == "failed"]
        assert failed == ["tests/test_messages.py::test_subscribers_run_when_they_are_told_to"]
        assert {test.partition("::")[0] for test in again} == {"tests/test_messages.py"}


def test_they_pass_as_pycharm_runs_them(examples: Sample) -> None:
    out = bare_pytest(examples, "-p", "teamcity", "--teamcity").stdout
    assert out.count("##teamcity[testFinished") == CASES, out
    assert "testFailed" not in out


def test_applications_of_all_frameworks_are_services(project: MakeProject) -> None:
    done = copy_of(EXAMPLES.with_name("services_web"), project).enctest("-q", "-n", "2")
    assert "37 passed" in done.stdout, done.stdout + done.stderr


def test_one_of_them_passes_as_an_editor_runs_it(examples: Sample, tmp_path: Path) -> None:
    test = f"{examples.root}/tests/test_users.py::test_somebody_may"
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(examples.root),
            test,
        ],
        cwd=tmp_path,
        env=examples.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
