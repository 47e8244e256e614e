"""What editors load into a bare `pytest`, the real packages: debugpy over its protocol, teamcity-messages."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.dap import Client, free_port
from tests.harness import PATIENCE, Sample, processes_of, wait_until

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        pythonpath = ["."]

        [tool.enctest.databases.shop]
        migrations = "migrations"
        env = "DATABASE_URL"
        """,
    "migrations/1.sql": "create table item (name text);",
    "shop.py": """
        import os
        import psycopg

        def add(name):
            loud = name.upper()
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                connection.execute("insert into item values (%s)", (loud,))
            return loud
        """,
    "tests/test_shop.py": """
        import shop

        def test_add():
            pen = "pen"
            assert shop.add(pen) == "PEN"

        def test_wrong():
            ink = "ink"
            assert shop.add(ink) == "ink"
        """,
}
TEAMCITY = ("-p", "no:pytest-teamcity", "-p", "teamcity.pytest_plugin", "--teamcity")
"""As PyCharm, which brings the plugin along without installing it."""
ADD, WRONG = "tests/test_shop.py::test_add", "tests/test_shop.py::test_wrong"


QUIET = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
"""Else it warns of modules that are part of Python's binary."""


def pytest_command(*args: str) -> list[str]:
    return ["-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *args]


@contextlib.contextmanager
def debugged(project: Sample, *args: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """Start pytest as an editor does that debugs, and attach."""
    port = free_port()
    command = [sys.executable, "-m", "debugpy", "--listen", f"127.0.0.1:{port}", "--wait-for-client"]
    process = subprocess.Popen(
        [*command, *pytest_command(*args)],
        cwd=project.root, env=project.env | QUIET, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    client = Client(port)
    try:
        yield process, client
    finally:
        client.close()
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], client: Client) -> tuple[str, str]:
    """Wait until the program has come to its end; return what it printed."""
    client.event("terminated")
    client.close()  # debugpy's own process has the program's pipes as long as somebody is attached
    output, errors = process.communicate(timeout=PATIENCE)
    return output, errors


def line_of(project: Sample, path: str, text: str) -> int:
    """Return the number of the first line that holds `text`."""
    lines = (project.root / path).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_breakpoints_are_hit_twice_in_a_row_and_the_trace_goes_on(sample: MakeSample) -> None:
    project = sample(FILES)
    in_test, in_shop = (
        line_of(project, "tests/test_shop.py", "pen ="),
        line_of(project, "shop.py", "return loud"),
    )
    places = {project.root / "tests/test_shop.py": [in_test + 1], project.root / "shop.py": [in_shop]}
    for _ in range(2):
        with debugged(project, "--enctest", "-q", ADD) as (process, client):
            client.attach(places)
            first = client.stop()
            assert (first.name, first.line, first.value("pen")) == ("test_add", in_test + 1, "'pen'")
            first.go_on()
            second = client.stop()
            assert (second.name, second.line, second.value("loud")) == ("add", in_shop, "'PEN'")
            second.go_on()
            output, errors = ended(process, client)
            assert (process.returncode, errors) == (0, ""), output
            assert "1 passed" in output
        trace = project.enctest("trace", ADD)
        assert "INSERT item" in trace.stdout
    wait_until("the server is gone", lambda: not processes_of(project.runtime))


def test_while_the_program_stands_its_trace_is_seen_elsewhere(sample: MakeSample) -> None:
    project = sample(FILES)
    line = line_of(project, "shop.py", "return loud")
    with project.watch() as watch:
        watch.mark()
        with debugged(project, "--enctest", "-q", WRONG) as (process, client):
            client.attach({project.root / "shop.py": [line]})
            stop = client.stop()
            assert stop.line == line
            run = watch.wait_for("span_started", test=WRONG, name="INSERT item")["run"]
            assert not watch.new("test_finished")
            stop.go_on()
            assert "1 failed" in ended(process, client)[0]
            watch.wait_for("test_finished", test=WRONG, outcome="failed", run=run)


def told_to_teamcity(project: Sample, *args: str, **env: str) -> list[str]:
    """Run pytest as PyCharm does; return what it hears, without times and numbers."""
    done = subprocess.run(
        [sys.executable, *pytest_command(*TEAMCITY, *args)],
        cwd=project.root, env=project.env | env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    heard = re.findall(r"##teamcity\[.*", done.stdout)
    return [re.sub(r"(timestamp|duration|flowId)='[^']*'|line \d+|0x\w+", "", line) for line in heard]


@pytest.mark.parametrize("selected", [(), (ADD,), (WRONG,), ("--collect-only",)], ids=str)
def test_teamcity_hears_the_same(sample: MakeSample, selected: tuple[str, ...]) -> None:
    files: Mapping[str, str] = {
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "shop.py": "def add(name):\n    print('adding')\n    return name.upper()\n",
        "tests/conftest.py": "import sys; sys.path.insert(0, '.')\n",
        "tests/test_shop.py": FILES["tests/test_shop.py"],
    }
    project = sample(files)
    expected = told_to_teamcity(project, *selected)
    assert expected
    assert told_to_teamcity(project, "--enctest", *selected) == expected
    assert told_to_teamcity(project, "--enctest", *selected) == expected


PYCHARM = """
import subprocess, sys, types

def follow(*args):
    raise SystemExit("followed")

class Monkey(types.ModuleType):
    "PyCharm's pydevd stands before these, and has no way to leave out one process."

sys.modules["_pydev_bundle.pydev_monkey"] = Monkey("pydev_monkey")
for module, name in ((subprocess, "_fork_exec"), (sys.modules["_posixsubprocess"], "fork_exec")):
    if hasattr(module, name):
        setattr(module, f"original_{name}", getattr(module, name))
        setattr(module, name, follow)

from enctest.debuggers import start_process

assert start_process([sys.executable, "-c", "raise SystemExit(7)"]).wait() == 7
subprocess.Popen([sys.executable, "-c", ""])
"""


def test_pycharms_debugger_follows_none_of_our_processes(sample: MakeSample) -> None:
    project = sample({})
    done = subprocess.run(
        [sys.executable, "-c", PYCHARM], env=project.env, capture_output=True, text=True, check=False
    )
    assert done.stderr == "followed\n"  # the user's processes are, as before
