"""What somebody tries in the first ten minutes, one thing after the other, on two sizes of terminal."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.terminal import Terminal
from tests.e2e.test_bare_pytest import plain
from tests.e2e.test_screen import opened
from tests.harness import Sample, processes_of, wait_until

FILES = {
    "calc.py": "def add(a, b):\n    return a + b\n\n\ndef div(a, b):\n    return a / b\n",
    "tests/test_calc.py": """
        import calc
        import pytest


        def test_add():
            assert calc.add(1, 2) == 3


        @pytest.mark.parametrize("word", ["שלום עולם", "日本語テスト", "naïve", "e\u0301", "a" * 80])
        def test_words(word):
            print(word)


        def test_div():
            assert calc.div(1, 0) == 1
        """,
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\naddopts = "-p no:randomly"\n'
    "disable_test_id_escaping_and_forfeit_all_rights_to_community_support = true\n",
}
F1 = "\x1bOP"
ESCAPE = "\x1b"


def gone(terminal: Terminal, words: str) -> None:
    wait_until(f"{words} is gone", lambda: words not in terminal.text())


def place_of(terminal: Terminal, words: str) -> tuple[int, int]:
    """Return column and line (from 1) at which words begin on the screen."""
    terminal.see(words)
    for number, line in enumerate(terminal.screen.display, 1):
        if words in line:
            return line.index(words) + 1, number
    raise AssertionError(terminal.text())


def cells_of(terminal: Terminal, number: int) -> list[str]:
    return [terminal.screen.buffer[number][column].data for column in range(terminal.screen.columns)]


def click(terminal: Terminal, words: str) -> None:
    column, line = place_of(terminal, words)
    terminal.press(f"\x1b[<0;{column};{line}M\x1b[<0;{column};{line}m")


def look_around(terminal: Terminal) -> None:
    """Go to the failure, through the tabs, back; filter; both helps."""
    terminal.press("n")
    terminal.see("test_div")
    terminal.press("\r")
    terminal.see("Trace", "setup", "call")
    terminal.press("2")
    terminal.see("E       ZeroDivisionError")
    terminal.press("3")
    terminal.see("no output was captured")
    terminal.press("4")
    terminal.see("5  def div(a, b):")
    terminal.press(ESCAPE)
    terminal.see("test_calc.py", "test_words")
    terminal.press("/div")
    terminal.see("/ div", "1 of 7")
    terminal.press(ESCAPE)
    terminal.see("test_add")
    for key, words in (("?", "Run every test"), (F1, "Folders, files and tests")):
        terminal.press(key)
        terminal.see(words)
        terminal.press(ESCAPE)
        gone(terminal, words)


def run_and_save(terminal: Terminal, project: Sample) -> None:
    """Run one, run all; repair, break the syntax, repair; pause."""
    terminal.press("r")
    terminal.see("asked", "1 failed")
    terminal.press("R")
    terminal.see("6 passed, 1 failed")
    project.replace("calc.py", "return a / b", "return a / b if b else 1")
    terminal.see("✓ 7", "1 of 7")
    project.replace("calc.py", "def add(a, b):", "def add(a, b)")
    terminal.see("! 1", "could not be collected")
    project.replace("calc.py", "def add(a, b)\n", "def add(a, b):\n")
    terminal.see("✓ 7", "of 7")  # tests: what could not be collected is none
    gone(terminal, "could not be collected")
    terminal.press("w")
    terminal.see("paused")
    terminal.press("w")
    terminal.see("watching")


def turn_and_search(terminal: Terminal) -> None:
    """The tests turned round; the palette; another theme."""
    terminal.press("u")
    terminal.see("▸ calc.py")
    terminal.press("u")
    terminal.see("test_words")
    terminal.press("\x10")
    terminal.see("Search for commands")
    terminal.press("pause")
    terminal.see("Pause or resume")
    terminal.press(ESCAPE)
    gone(terminal, "Pause or resume")
    former = terminal.screen.buffer[3][2].bg
    terminal.press("T")
    wait_until("a light background", lambda: terminal.screen.buffer[3][2].bg != former)


def use_the_mouse(terminal: Terminal) -> None:
    """A test, a fold, a tab where there is room for both, a key of the last line."""
    click(terminal, "test_add")
    terminal.press("\r")
    terminal.see("Source")
    click(terminal, "Source")
    terminal.see("def test_add():")
    terminal.press(ESCAPE)
    terminal.see("▸ ✓ test_words")
    click(terminal, "▸ ✓ test_words")
    terminal.see("▾ ✓ test_words", "naïve")
    # An emulator keeps a wide character in two cells; what stands right of it stays in its column.
    rows = [cells_of(terminal, number) for number in range(2, 12)]
    assert any("日本語テスト" in "".join(row) for row in rows), terminal.text()
    assert any("שלום" in "".join(row) for row in rows), terminal.text()
    assert len({row.index("│") for row in rows if "│" in row}) <= 1, terminal.text()
    click(terminal, "? Help")
    terminal.see("Run every test")
    terminal.press(ESCAPE)
    gone(terminal, "Run every test")


@pytest.mark.parametrize("size", [(100, 30), (60, 20)], ids=str)
def test_the_first_ten_minutes(sample: MakeSample, size: tuple[int, int]) -> None:
    project = sample(FILES)
    with opened(project, size=size) as terminal:
        terminal.see("✗ 1", "✓ 6", "watching", "first run")
        look_around(terminal)
        run_and_save(terminal, project)
        turn_and_search(terminal)
        use_the_mouse(terminal)
        terminal.resize(*((60, 20) if size[0] > 60 else (100, 30)))
        terminal.see("test_words", "? Help", "✓ 7")
        assert all(len(line.rstrip()) <= terminal.screen.columns for line in terminal.text().splitlines())
        terminal.press("q")
        assert terminal.ended() == 0
    wait_until("nothing is left", lambda: not processes_of(project.runtime))


def test_a_plain_run_of_one_test_leaves_the_others_on_the_screen(sample: MakeSample) -> None:
    project = sample(FILES)
    with opened(project, size=(100, 30)) as terminal:
        terminal.see("✗ 1", "✓ 6", "watching")
        assert plain(project, "--enctest", "-q", "tests/test_calc.py::test_add").returncode == 0
        terminal.see("1 result of a plain run was taken", "✗ 1", "✓ 6", "test_words", "test_div")


@pytest.mark.parametrize(
    ("env", "colours"),
    [
        ({"NO_COLOR": "1"}, "grey"),
        ({"TERM": "xterm", "COLORTERM": ""}, "of 16"),
        ({"TERM": "xterm-256color", "COLORTERM": ""}, "of 256"),
    ],
    ids=str,
)
def test_states_are_told_apart_with_few_colours(
    sample: MakeSample, env: dict[str, str], colours: str
) -> None:
    project = sample(FILES)
    with opened(project, size=(60, 20), env=env) as terminal:
        terminal.see("✗ 1", "✓ 6", "watching")
        terminal.press("n")
        terminal.see("✗ test_div")
        column, line = place_of(terminal, "✗ test_div")
        cells = terminal.screen.buffer[line - 1]
        below = terminal.screen.buffer[line + 3]
        wait_until("the cursor's line stands out", lambda: cells[column].bg != below[column].bg)
        raw = bytes(terminal.raw)
        assert (b"\x1b[38;2;" in raw or b";38;2;" in raw) == (
            colours == "grey" and env.get("COLORTERM") != ""
        )
        if colours == "of 16":
            assert cells[column - 1].fg in ("red", "brightred")
            assert b"38;5;" not in raw
        if colours == "grey":
            assert is_grey(cells[column - 1].fg), cells[column - 1]
        terminal.press("q")
        terminal.ended()


def is_grey(colour: str) -> bool:
    return colour == "default" or len({colour[0:2], colour[2:4], colour[4:6]}) == 1
