"""Real editors, opened as the app opens them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import MakeSample
from tests.e2e.terminal import Terminal
from tests.e2e.test_screen import opened
from tests.harness import Sample, wait_until

from enctest_tui.editor import opening

LINES = "".join(f"line_{number} = {number}\n" for number in range(1, 200))


@pytest.fixture
def project(sample: MakeSample) -> Sample:
    return sample({"a file's.py": LINES})


def needed(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"there is no {name}")
    return program


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vim", "-u NONE -N"),
        ("nvim", "--clean"),
        ("nano", ""),
        ("micro", ""),
        ("emacs", "-nw -Q"),
        ("hx", ""),
    ],
)
def test_an_editor_opens_at_the_line(project: Sample, name: str, options: str) -> None:
    editor = f"{needed(name)} {options}"
    how = opening(project.root / "a file's.py", 120, project.root, setting=editor, environment={})
    assert how.needs_terminal
    terminal = Terminal(how.argv, cwd=project.root, env=project.env | {"HOME": str(project.root)})
    try:
        terminal.see("line_120 = 120")
        wait_until("the cursor is there", lambda: under_cursor(terminal).endswith("line_120 = 120"))
    finally:
        terminal.close()


def edge(terminal: Terminal) -> str:
    """Return the colour of the line between the two halves."""
    return next((cell.fg for cell in terminal.screen.buffer[5].values() if cell.data == "│"), "")


def has_another_edge(terminal: Terminal, former: str) -> bool:
    return edge(terminal) not in ("", former)


def is_under_cursor(terminal: Terminal, line: str) -> bool:
    return under_cursor(terminal) == line


def under_cursor(terminal: Terminal) -> str:
    lines = terminal.text().splitlines()  # those that are there: it may be drawing
    row = terminal.screen.cursor.y
    return lines[row] if row < len(lines) else ""


@pytest.fixture
def neovim(project: Sample) -> Iterator[Terminal]:
    """A neovim that somebody has open in the project."""
    env = project.env | {"TMPDIR": str(project.runtime)}
    address = str(project.runtime / "nvim.1.0")
    terminal = Terminal([needed("nvim"), "--clean", "--listen", address], cwd=project.root, env=env)
    try:
        terminal.see("[No Name]" if "[No Name]" in terminal.text() else "~")
        wait_until("it listens", lambda: Path(address).exists())
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize("how", ["its own terminal", "beside it"])
def test_a_neovim_that_runs_is_used(project: Sample, neovim: Terminal, how: str) -> None:
    address = str(project.runtime / "nvim.1.0")
    around = {"NVIM": address} if how == "its own terminal" else {"XDG_RUNTIME_DIR": str(project.runtime)}
    environment = {"EDITOR": "nvim", "PATH": str(Path(needed("nvim")).parent), **around}
    found = opening(project.root / "a file's.py", 120, project.root, environment=environment)
    assert not found.needs_terminal
    subprocess.run(found.argv, check=True, capture_output=True)
    neovim.see("line_120 = 120")
    wait_until("the cursor is there", lambda: under_cursor(neovim).endswith("line_120 = 120"))


def test_a_neovim_of_another_project_or_that_is_gone_is_not(project: Sample, neovim: Terminal) -> None:
    environment = {
        "EDITOR": "nvim", "PATH": str(Path(needed("nvim")).parent), "XDG_RUNTIME_DIR": str(project.runtime),
        "NVIM": str(project.runtime / "gone"),
    }  # fmt: skip
    elsewhere = opening(Path("/etc/hosts"), 1, Path("/etc"), environment=environment)
    assert (elsewhere.argv, elsewhere.needs_terminal) == (["nvim", "+1", "/etc/hosts"], True)
    neovim.close()
    gone = opening(project.root / "x.py", 3, project.root, environment=environment)
    assert gone.argv == ["nvim", "+3", str(project.root / "x.py")]


def test_e_opens_the_failing_line_and_each_frame(sample: MakeSample) -> None:
    project = sample(
        {
            "shop.py": "def price(n):\n    return 100 / n\n\n\ndef total(n):\n    return price(n)\n",
            "test_shop.py": "import shop\n\n\ndef test_total():\n    assert shop.total(0) == 1\n",
        }
    )
    vim = needed("vim")
    project_env = {"EDITOR": f"{vim} -u NONE -N"}
    with opened(project, env=project_env) as terminal:
        terminal.see("✗ 1", "watching")
        terminal.press("n2")
        terminal.see("def price(n)")
        former = edge(terminal)
        for keys, line in (("", "    return 100 / n"), ("\t", "    assert shop.total(0) == 1")):
            if keys:
                terminal.press(keys)
                wait_until("the failure has the focus", functools.partial(has_another_edge, terminal, former))
                terminal.press("g")
            terminal.press("e")
            terminal.see("~\n~\n", line)
            wait_until("the cursor", functools.partial(is_under_cursor, terminal, line))
            terminal.press(":q\r")
            terminal.see("def price(n)", "watching")
        terminal.press("q")
        assert terminal.ended() == 0


def test_places_are_links_for_the_terminal(sample: MakeSample) -> None:
    project = sample({"test_a.py": "def test_a():\n    assert 0\n"})
    with opened(project) as terminal:
        terminal.see("✗ 1")
        terminal.press("n2")
        terminal.see("test_a.py:2: AssertionError")
        address = f"{project.root}/test_a.py#2".encode()
        wait_until("a link", lambda: b";file://" in terminal.raw and address in terminal.raw)
        terminal.press("q")
        terminal.ended()
