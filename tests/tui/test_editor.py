"""How editors want to be told a line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from enctest.errors import EnctestError
from enctest_tui.editor import command, find_editor, needs_terminal, opening


@pytest.mark.parametrize(
    ("editor", "rest"),
    [
        ("vim", ["+7", "/p/a b.py"]),
        ("nvim", ["+7", "/p/a b.py"]),
        ("/usr/bin/nano", ["+7", "/p/a b.py"]),
        ("emacs -nw", ["+7", "/p/a b.py"]),
        ("hx", ["/p/a b.py:7"]),
        ("zed", ["/p/a b.py:7"]),
        ("subl -w", ["/p/a b.py:7"]),
        ("micro", ["+7", "/p/a b.py"]),
        ("emacsclient -t", ["+7", "/p/a b.py"]),
        ("/opt/pycharm/bin/pycharm.sh", ["--line", "7", "/p/a b.py"]),
        ("pycharm", ["--line", "7", "/p/a b.py"]),
        ("something-else", ["/p/a b.py"]),
    ],
)
def test_the_line_is_given_as_the_editor_wants_it(editor: str, rest: list[str]) -> None:
    words = find_editor({"EDITOR": editor})
    assert command(words, Path("/p/a b.py"), 7) == [*editor.split(), *rest]
    assert command(words, Path("/p/a b.py"), 0) == [*editor.split(), "/p/a b.py"]


@pytest.mark.parametrize(
    ("editor", "expected"),
    [
        ("code", ["code", "--reuse-window"]),
        ("code --wait", ["code", "--reuse-window"]),
        ("codium -n", ["codium", "-n"]),
        ("cursor -r", ["cursor", "-r"]),
    ],
)
def test_vs_code_takes_the_window_that_is_open(editor: str, expected: list[str]) -> None:
    assert command(editor.split(), Path("/p/a b.py"), 7) == [*expected, "--goto", "/p/a b.py:7"]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put programs into an otherwise empty PATH that write down what they were called with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(*names: str) -> Path:
        for name in names:
            path = folder / name
            path.write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@" >> {folder}/called\n')
            path.chmod(0o755)
        return folder / "called"

    return make


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ({"TERM_PROGRAM": "vscode"}, ["code", "--reuse-window", "--goto", "/p/a b.py:7"]),
        (
            {"TERM_PROGRAM": "vscode", "CURSOR_TRACE_ID": "1"},
            ["cursor", "--reuse-window", "--goto", "/p/a b.py:7"],
        ),
        ({"TERM_PROGRAM": "zed"}, ["zed", "/p/a b.py:7"]),
        ({"TERMINAL_EMULATOR": "JetBrains-JediTerm"}, ["pycharm", "--line", "7", "/p/a b.py"]),
        ({"TERM_PROGRAM": "iTerm.app"}, ["subl", "/p/a b.py:7"]),
    ],
    ids=str,
)
def test_the_editor_around_us_is_used_rather_than_another(
    programs: Callable[..., Path], around: dict[str, str], expected: list[str]
) -> None:
    called = programs("code", "cursor", "zed", "pycharm", "subl")
    environment = {**around, "EDITOR": "subl", "PATH": os.environ["PATH"]}
    how = opening(Path("/p/a b.py"), 7, Path("/p"), environment=environment)
    assert not how.needs_terminal
    assert how.said == f"opened in {expected[0]}"
    subprocess.run(how.argv, check=True)
    assert called.read_text().splitlines() == expected


def test_the_setting_goes_before_everything(programs: Callable[..., Path]) -> None:
    programs("code")
    environment = {"TERM_PROGRAM": "vscode", "EDITOR": "vim", "PATH": os.environ["PATH"]}
    how = opening(Path("/p/a.py"), 7, Path("/p"), setting="emacs -nw", environment=environment)
    assert (how.argv, how.needs_terminal) == (["emacs", "-nw", "+7", "/p/a.py"], True)
    with pytest.raises(EnctestError, match=r"\[tool.enctest\] editor cannot be understood"):
        opening(Path("/p/a.py"), 7, Path("/p"), setting="vim 'x", environment=environment)


def test_without_its_command_the_editor_around_us_is_passed_over(programs: Callable[..., Path]) -> None:
    programs("nano")
    environment = {"TERM_PROGRAM": "vscode", "EDITOR": "nano", "PATH": os.environ["PATH"]}
    assert opening(Path("/p/a.py"), 7, Path("/p"), environment=environment).argv == ["nano", "+7", "/p/a.py"]


def test_visual_goes_before_editor() -> None:
    assert find_editor({"VISUAL": "hx", "EDITOR": "vim"}) == ["hx"]


def test_a_broken_variable_is_told() -> None:
    with pytest.raises(EnctestError, match=r"\$EDITOR cannot be understood"):
        find_editor({"EDITOR": "vim 'unclosed"})


def test_without_any_editor_there_is_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnctestError) as error:
        find_editor({})
    assert "export EDITOR" in error.value.hint


def test_editors_with_a_window_leave_the_terminal_alone() -> None:
    assert needs_terminal(["vim"])
    assert not needs_terminal(["/usr/local/bin/code", "--wait"])
    assert needs_terminal(["emacsclient", "-t"])
    assert not needs_terminal(["emacsclient", "-n"])
