"""Completion in the shells themselves, typed at a terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.terminal import Terminal
from tests.harness import Sample

from enctest.cli.completion.scripts import SCRIPTS
from enctest.cli.usage import COMMANDS, OPTIONS

BIN = Path(sys.executable).parent
FILES = {
    "pyproject.toml": '[tool.enctest.databases.orders]\nengine = "sqlite"\nenv = "ORDERS_URL"\n',
    "conftest.py": "raise SystemExit('nothing of the project is run for a Tab')\n",
    "tests/test_shop.py": "def test_first():\n    pass\n\ndef test_second():\n    pass\n",
}
START = {
    "bash": (["--norc", "--noprofile", "-i"], 'eval "$(enctest completion bash)"'),
    "zsh": (["-f", "-i"], 'autoload -Uz compinit; compinit -u -D; eval "$(enctest completion zsh)"'),
    "fish": (["--no-config", "-i"], "enctest completion fish | source"),
}


@pytest.fixture
def project(sample: MakeSample) -> Sample:
    project = sample(FILES)
    (project.root / "conftest.py").rename(project.root / "away")
    assert project.enctest("-q").returncode == 0
    (project.root / "away").rename(project.root / "conftest.py")
    return project


@pytest.fixture(params=SCRIPTS)
def shell(request: pytest.FixtureRequest, project: Sample) -> Iterator[Terminal]:
    """An interactive shell that has read the script."""
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"there is no {request.param}")
    options, script = START[request.param]
    env = project.env | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(project.root)}
    terminal = Terminal([program, *options], cwd=project.root, env=env | {"PS1": "$ "})
    try:
        terminal.press(f"{script}; echo is''ready\r")
        terminal.see("isready")
        yield terminal
    finally:
        terminal.close()


def test_words_are_completed_in_the_shell(shell: Terminal) -> None:
    steps = [
        ("enctest affe\t", "enctest affected"),
        ("enctest --jun\t", "enctest --junit"),
        ("enctest --tb=shor\t", "enctest --tb=short"),
        ("enctest tes\t", "enctest tests/"),
        ("enctest tests/test_shop.py::test_f\t", "enctest tests/test_shop.py::test_first"),
        ("enctest trace tests/test_shop.py::test_s\t", "enctest trace tests/test_shop.py::test_second"),
        ("enctest db ur\t", "enctest db url"),
        ("enctest db url or\t", "enctest db url orders"),
        ("enctest-tui ser\t", "enctest-tui serve"),
        ("enctest --isol\t", "enctest --isolate"),
    ]
    for typed, wanted in steps:
        shell.press(typed)
        shell.see(wanted)
        shell.press("\x15")


def test_what_may_follow_is_shown(shell: Terminal) -> None:
    shell.press("enctest \t\t")
    shell.see("affected", "watch", "report", "tests/")


def words(project: Sample, *typed: str) -> list[str]:
    done = project.enctest("completion", "--words", *typed)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def test_every_option_of_pytest_is_known(project: Sample) -> None:
    known = words(project, "enctest", "--")
    assert {
        "--maxfail=",
        "--cov=",
        "--cov",
        "--lf",
        "--last-failed",
        "--junitxml=",
        "--numprocesses=",
    } <= set(known)
    assert {"--isolate", "--affected"} <= set(known)
    assert words(project, "enctest", "watch", "--ev") == ["--events"]
    assert words(project, "enctest", "affected", "--") == ["--changed", "--why"]


def test_revisions_are_offered(project: Sample) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", "-b", "feature"], cwd=project.root, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a"], cwd=project.root, check=True)
    assert words(project, "enctest", "--affected=f") == ["--affected=feature"]


def test_the_usage_is_where_commands_come_from(project: Sample) -> None:
    """Each command that is completed is one that there is."""
    assert {"watch", "affected", "trace", "report", "doctor", "db", "init", "schema", "completion"} <= set(
        COMMANDS
    )
    assert all(COMMANDS.values())
    for name in COMMANDS.keys() - {"watch"}:
        asked = project.enctest(name, "--there-is-no-such-option")
        assert asked.returncode == 4, name
        assert "file or directory not found" not in asked.stderr
    screen = subprocess.run(
        [sys.executable, "-P", "-m", "enctest_tui.main", "--help"], capture_output=True, text=True, check=True
    ).stdout
    shown = words(project, "enctest-tui", "--")
    assert all(option in shown for option in ("--demo", "--python", "--port") if option in screen)
    assert {"--demo", "--python", "--port"} <= set(shown)
    assert OPTIONS["watch"] == ["--events", "--python", "--fresh"]


@pytest.mark.parametrize("name", [(), ("tcsh",), ("bash", "x")], ids=str)
def test_an_unknown_shell_is_one_message(sample: MakeSample, name: tuple[str, ...]) -> None:
    done = sample({}).enctest("completion", *name)
    assert done.returncode == 4
    assert "bash, zsh and fish" in done.stderr
