"""How editors want to be told a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from enctest.errors import EnctestError
from enctest_tui.editor import command, find_editor, needs_terminal


@pytest.mark.parametrize(
    ("editor", "rest"),
    [
        ("vim", ["+7", "/p/a b.py"]),
        ("nvim", ["+7", "/p/a b.py"]),
        ("/usr/bin/nano", ["+7", "/p/a b.py"]),
        ("emacs -nw", ["+7", "/p/a b.py"]),
        ("hx", ["/p/a b.py:7"]),
        ("code --wait", ["--goto", "/p/a b.py:7"]),
        ("pycharm", ["--line", "7", "/p/a b.py"]),
        ("something-else", ["/p/a b.py"]),
    ],
)
def test_the_line_is_given_as_the_editor_wants_it(editor: str, rest: list[str]) -> None:
    words = find_editor({"EDITOR": editor})
    assert command(words, Path("/p/a b.py"), 7) == [*editor.split(), *rest]
    assert command(words, Path("/p/a b.py"), 0) == [*editor.split(), "/p/a b.py"]


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
