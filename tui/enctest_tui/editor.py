"""The command line that opens an editor at a line: the one that is open already, else a new one."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from enctest.errors import EnctestError
from enctest_tui import neovim

_PLUS = {
    "vi", "vim", "nvim", "view", "gvim", "mvim", "nano", "pico", "emacs", "emacsclient", "micro", "joe",
    "kak", "mg", "ne", "jed", "vis",
}  # fmt: skip
_COLON = {"hx", "helix", "subl", "sublime_text", "zed", "zeditor"}
_GOTO = {"code", "code-insiders", "code-server", "codium", "cursor", "windsurf"}
_JETBRAINS = {"charm", "pycharm", "pycharm64", "idea"}
_LINE = _JETBRAINS | {"kate", "mate"}
_GRAPHICAL = {"gvim", "mvim", "subl", "sublime_text", "zed", "zeditor"} | _GOTO | _LINE
_LAST_RESORT = ("nvim", "vim", "vi", "nano")


@dataclass(frozen=True)
class Opening:
    """How a file is opened.

    Attributes:
        argv: The command.
        needs_terminal: It draws in this terminal, so that the app has to make room.
        said: What to tell the user, since they see nothing here.
    """

    argv: list[str]
    needs_terminal: bool
    said: str = ""


def opening(
    path: Path,
    line: int,
    root: Path,
    *,
    setting: str = "",
    environment: Mapping[str, str] = os.environ,
) -> Opening:
    """Say how to open a file at a line (from 1; 0 is unknown).

    The setting goes first; then the editor in whose terminal we are; then $VISUAL and $EDITOR. A neovim that
    works in the project is used rather than a new one.

    Raises:
        EnctestError: There is no editor, or a command cannot be understood.
    """
    words = (
        _words(setting, "[tool.enctest] editor")
        if setting
        else _around(environment) or find_editor(environment)
    )
    name = _name(words)
    if name == "nvim" and (address := neovim.running(words[0], root, environment)):
        is_ours = address == environment.get("NVIM")
        argv = neovim.command(words[0], address, path, line, in_a_tab=is_ours)
        return Opening(
            argv, needs_terminal=False, said="" if is_ours else "opened in the neovim that is open"
        )
    terminal = needs_terminal(words)
    return Opening(command(words, path, line), terminal, "" if terminal else f"opened in {name}")


def _around(environment: Mapping[str, str]) -> list[str]:
    """Return the editor in whose terminal we are; nothing elsewhere, or when it cannot be called."""
    candidates: tuple[str, ...] = ()
    program = environment.get("TERM_PROGRAM", "")
    if environment.get("NVIM"):
        candidates = ("nvim",)
    elif program == "vscode":
        # Its children are called the same, and bring their own command.
        kin = ("cursor",) if "CURSOR_TRACE_ID" in environment else ()
        candidates = (*kin, "code", "code-insiders", "codium", "windsurf", "code-server")
    elif program == "zed" or "ZED_TERM" in environment:
        candidates = ("zed", "zeditor")
    elif environment.get("TERMINAL_EMULATOR") == "JetBrains-JediTerm":
        candidates = ("pycharm", "charm", "pycharm.sh", "idea")
    return next(([name] for name in candidates if shutil.which(name, path=environment.get("PATH"))), [])


def find_editor(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the words of $VISUAL or $EDITOR, else an editor that is installed.

    Raises:
        EnctestError: There is none.
    """
    for name in ("VISUAL", "EDITOR"):
        words = _words(environment.get(name, ""), f"${name}")
        if words:
            return words
    for name in _LAST_RESORT:
        if shutil.which(name, path=environment.get("PATH")):
            return [name]
    raise EnctestError("there is no editor to open", "Set EDITOR, for example: export EDITOR=nano")


def _words(command: str, name: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise EnctestError(f"{name} cannot be understood: {error}", f"It is set to: {command}") from error


def _name(editor: list[str]) -> str:
    return PurePath(editor[0]).name.removesuffix(".sh").removesuffix(".exe")


def command(editor: list[str], path: Path, line: int) -> list[str]:
    """Return the command that opens `path` at `line` (from 1; 0 is unknown), as that editor wants it."""
    name = _name(editor)
    if name in _GOTO:
        return [*_without_waiting(editor), "--goto", f"{path}:{max(1, line)}"]
    if line < 1:
        return [*editor, str(path)]
    if name in _PLUS:
        return [*editor, f"+{line}", str(path)]
    if name in _COLON:
        return [*editor, f"{path}:{line}"]
    if name in _LINE:
        return [*editor, "--line", str(line), str(path)]
    return [*editor, str(path)]


def _without_waiting(editor: list[str]) -> list[str]:
    """Return VS Code's command: in the window that is open, and nobody waits until the file is closed."""
    words = [word for word in editor if word not in ("--wait", "-w")]
    return (
        words if {"-n", "--new-window", "-r", "--reuse-window"} & set(words) else [*words, "--reuse-window"]
    )


def needs_terminal(editor: list[str]) -> bool:
    """Say whether the editor draws in the terminal, so that the app has to make room."""
    if _name(editor) == "emacsclient":
        return not {"-n", "--no-wait", "-c", "--create-frame"} & set(editor)
    return _name(editor) not in _GRAPHICAL
