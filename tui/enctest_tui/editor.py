"""The command line that opens an editor at a line."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePath

from enctest.errors import EnctestError

_PLUS = {
    "vi",
    "vim",
    "nvim",
    "view",
    "gvim",
    "nano",
    "pico",
    "emacs",
    "emacsclient",
    "micro",
    "joe",
    "kak",
    "mg",
    "ne",
    "jed",
}
_COLON = {"hx", "helix", "subl", "sublime_text", "zed", "zeditor", "cursor-agent"}
_GOTO = {"code", "code-insiders", "codium", "cursor", "windsurf"}
_LINE = {"charm", "pycharm", "idea", "kate", "mate"}
_GRAPHICAL = (
    {"gvim", "subl", "sublime_text", "zed", "zeditor", "kate", "mate"} | _GOTO | {"charm", "pycharm", "idea"}
)
_LAST_RESORT = ("nvim", "vim", "vi", "nano")


def find_editor(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the words of $VISUAL or $EDITOR, else an editor that is installed.

    Raises:
        EnctestError: There is none.
    """
    for name in ("VISUAL", "EDITOR"):
        words = _words(environment.get(name, ""), name)
        if words:
            return words
    for name in _LAST_RESORT:
        if shutil.which(name):
            return [name]
    raise EnctestError("there is no editor to open", "Set EDITOR, for example: export EDITOR=nano")


def _words(command: str, name: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise EnctestError(f"${name} cannot be understood: {error}", f"It is set to: {command}") from error


def command(editor: list[str], path: Path, line: int) -> list[str]:
    """Return the command that opens `path` at `line` (from 1; 0 is unknown), as that editor wants it."""
    name = PurePath(editor[0]).stem
    if line < 1:
        return [*editor, str(path)]
    if name in _PLUS:
        return [*editor, f"+{line}", str(path)]
    if name in _COLON:
        return [*editor, f"{path}:{line}"]
    if name in _GOTO:
        return [*editor, "--goto", f"{path}:{line}"]
    if name in _LINE:
        return [*editor, "--line", str(line), str(path)]
    return [*editor, str(path)]


def needs_terminal(editor: list[str]) -> bool:
    """Say whether the editor draws in the terminal, so that the app has to make room."""
    return PurePath(editor[0]).stem not in _GRAPHICAL
