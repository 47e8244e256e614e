"""Debugging from the app: in its terminal, and in an IDE that attaches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.dap import Client
from tests.e2e.terminal import Terminal
from tests.e2e.test_ides import line_of
from tests.e2e.test_screen import opened
from tests.harness import processes_of, wait_until

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        pythonpath = ["."]
        addopts = ["-p", "no:randomly"]
        """,
    "shop.py": """
        def double(number):
            twice = number * 3
            return twice
        """,
    "test_shop.py": """
        import shop

        def test_double():
            four = 4
            assert shop.double(2) == four
        """,
}
HANGS = {
    "pyproject.toml": FILES["pyproject.toml"],
    "test_hangs.py": """
        import time

        def test_hangs():
            enough = False
            while not enough:
                time.sleep(0.01)
        """,
}


def test_under_pdb_where_the_test_fails(sample: MakeSample) -> None:
    project = sample(FILES)
    with opened(project) as terminal:
        terminal.see("test_double", "✗ 1", "watching")
        terminal.press("nd")
        terminal.see("entering PDB", "(Pdb)")
        terminal.press("p four * 100\r")
        terminal.see("400")
        project.replace("shop.py", "3", "2")  # saved while the debugger has the terminal
        terminal.press("q\r")
        terminal.see("Enter goes back")
        terminal.press("\r")
        terminal.see("test_double", "✓ 1")  # what was saved meanwhile has run
        terminal.press("q")
        assert terminal.ended() == 0
    assert not list(project.root.glob(".enctest/*spool*"))


def test_under_pdb_from_the_first_line(sample: MakeSample) -> None:
    project = sample(FILES)
    with opened(project) as terminal:
        terminal.see("test_double", "✗ 1", "watching")
        terminal.press("nB")
        terminal.see("(Pdb)", "-> four = 4")
        terminal.press("c\r")
        terminal.see("1 failed", "Enter goes back")
        terminal.press("\r1")
        terminal.see("setup", "call", "teardown")  # recorded with the debugger in it


def test_another_debugger(sample: MakeSample) -> None:
    mine = """
        import pdb

        class Mine(pdb.Pdb):
            def __init__(self, *args, **options):
                super().__init__(*args, **options)
                self.prompt = "(mine) "
        """
    text = FILES["pyproject.toml"] + '\n        [tool.enctest]\n        debugger = "mine:Mine"\n'
    project = sample(FILES | {"mine.py": mine, "pyproject.toml": text})
    with opened(project) as terminal:
        terminal.see("test_double", "✗ 1", "watching")
        terminal.press("nd")
        terminal.see("(mine)")
        terminal.press("q\r")
        terminal.see("Enter goes back")
        terminal.press("\r")
        terminal.see("watching")


def port_shown(terminal: Terminal) -> int:
    screen = terminal.see("debugpy waits at", '"request": "attach"', '"port": ')
    found = re.search(r"debugpy waits at 127\.0\.0\.1:(\d+)", screen)
    assert found is not None
    assert f'"port": {found[1]}' in screen
    return int(found[1])


def test_in_an_ide_where_the_test_fails(sample: MakeSample) -> None:
    project = sample(FILES)
    with opened(project) as terminal:
        terminal.see("test_double", "✗ 1", "watching")
        terminal.press("na")
        client = Client(port_shown(terminal))
        client.attach({project.root / "shop.py": [line_of(project, "shop.py", "return")]})
        inside = client.stop()
        assert (inside.name, inside.value("twice")) == ("double", "6")
        inside.go_on()
        failed = client.stop()
        assert (failed.reason, failed.name) == ("exception", "test_double")
        assert failed.line == line_of(project, "test_shop.py", "assert")
        terminal.press("\x1b")
        terminal.see("test_double", "running")
        failed.go_on()
        client.event("terminated")
        client.close()
        terminal.press("1")
        terminal.see("✗ 1", "setup", "call", "teardown")
        terminal.press("q")
        assert terminal.ended() == 0
    wait_until("nothing is left", lambda: not processes_of(project.runtime))


AWKWARD = {
    "test_function": """
        @patch("os.getcwd")
        def test_function(getcwd, five,
                          name="n"):
            \"\"\"Says nothing.\"\"\"
            for number in range(five):  # first
                assert number < five
        """,
    "test_method": """
        class TestKind:
            def test_method(self, five): four = five - 1; assert four  # first
        """,
    "test_old": """
        class Old(unittest.TestCase):
            def test_old(self):
                self.number = 1  # first
                assert self.number
        """,
}


@pytest.mark.parametrize("name", AWKWARD)
def test_in_an_ide_from_the_first_line(sample: MakeSample, name: str) -> None:
    head = """
        import unittest
        from unittest.mock import patch

        import pytest

        @pytest.fixture
        def five():
            return 5
        """
    project = sample({"pyproject.toml": FILES["pyproject.toml"], "test_it.py": head + AWKWARD[name]})
    with opened(project) as terminal:
        terminal.see(name, "✓ 1", "watching")
        terminal.press("GA")
        client = Client(port_shown(terminal))
        terminal.see("It stops at the test's first line")
        client.attach({})
        first = client.stop()
        assert (first.name, first.line) == (name, line_of(project, "test_it.py", "# first"))
        first.go_on()  # and does not stop there again
        client.event("terminated")
        client.close()
        terminal.press("\x1b")
        terminal.see("✓ 1", "setup", "call", "1 result of a plain run was taken")


def test_a_test_that_hangs_can_be_attached_to(sample: MakeSample) -> None:
    project = sample(HANGS)
    with opened(project) as terminal:
        terminal.see("◐ test_hangs")
        terminal.press("Ga")
        client = Client(port_shown(terminal))
        path = Path(project.root, "test_hangs.py")
        client.attach({path: [line_of(project, "test_hangs.py", "time.sleep")]})
        stop = client.stop()
        assert (stop.name, stop.value("enough")) == ("test_hangs", "False")
        client.ask("setBreakpoints", source={"path": str(path)}, breakpoints=[])
        stop.set("enough", "True")
        stop.go_on()
        terminal.press("\x1b")
        terminal.see("✓ 1", "watching")
        client.close()


def test_without_debugpy_it_says_so(sample: MakeSample) -> None:
    project = sample(FILES | {"debugpy.py": "raise ImportError\n"})
    with opened(project) as terminal:
        terminal.see("test_double", "✗ 1", "watching")
        terminal.press("na")
        terminal.see("cannot be debugged", "pip install debugpy")


@pytest.mark.parametrize("key", ["d", "B", "a", "A"])
def test_without_a_test_nothing_is_debugged(sample: MakeSample, key: str) -> None:
    with opened(sample(FILES)) as terminal:
        terminal.see("test_double", "✗ 1", "watching")
        terminal.press(f"g{key}")
        terminal.see("select a test to debug")
