"""Which program a command starts: one that runs no project code, this very Python, or another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

_HARMLESS = frozenset(
    {
        *("cc", "gcc", "ld", "ldconfig", "objdump", "file", "which"),
        *("date", "hostname", "id", "locale", "lsb_release", "stty", "sw_vers", "sysctl", "tput"),
        *("uname", "whoami", "git", "docker", "true", "false", "echo", "sleep"),
        *("createdb", "dropdb", "initdb", "pg_ctl", "pg_dump", "pg_restore", "postgres", "psql"),
    }
)
_FILTERS = frozenset(
    {
        *("cat", "less", "more", "head", "tail", "tac", "nl", "wc", "sort", "uniq", "cut", "tr", "rev"),
        *("column", "fold", "expand", "od", "hexdump", "md5sum", "sha256sum", "cmp", "yes", "test"),
    }
)
"""They run no project code, and read what they are given and the files that they are told."""
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
_SPECIAL = frozenset(";&|<>()$`\n*?[]{}!~=")
"""Characters that may mean more to a shell than one program and its arguments."""
_TRACKER = "from multiprocessing.resource_tracker import "
_BLIND = frozenset("EISv")
"""Options with which Python reads no variables or no `sitecustomize`, or says what it imports."""
_TALKATIVE = ("PYTHONVERBOSE", "PYTHONPROFILEIMPORTTIME")
_SHEBANG_SIZE = 256


def is_harmless(words: Sequence[str], folder: str, is_ours: Callable[[str], bool]) -> bool:
    """Tell whether a command runs no project code and reads no project file.

    multiprocessing's tracker of resources runs none either.

    Args:
        words: The command line.
        folder: The folder that the process starts in.
        is_ours: Tells whether a path is the project's.
    """
    if not words:
        return False
    program, *arguments = words
    name = os.path.basename(program)
    if name in _SHELLS and len(arguments) > 1 and arguments[0] == "-c":
        return is_harmless(shell_words(arguments[1]), folder, is_ours)
    if name in _HARMLESS or words[-1].startswith(_TRACKER):
        return True
    return name in _FILTERS and not any(_may_be_ours(word, folder, is_ours) for word in arguments)


def shell_words(command: str) -> list[str]:
    """Return the words of a shell's command line that is one program with arguments, else none."""
    import shlex

    if not _SPECIAL.isdisjoint(command):
        return []
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _may_be_ours(word: str, folder: str, is_ours: Callable[[str], bool]) -> bool:
    """Tell whether an argument may name a file of the project, on its own or after an option's name."""
    places = {word, word.partition("=")[2], word[2:]} if word.startswith("-") else {word}
    paths = [os.path.join(folder, place) for place in places if place]
    return any(is_ours(path) and os.path.exists(path) for path in paths)


def is_recordable(
    executables: Iterable[str], words: Sequence[str], folder: str, variables: Mapping[str, str]
) -> bool:
    """Tell whether a command will be this very Python, and will import our `sitecustomize`.

    Args:
        executables: Where the program is looked for, in order.
        words: The command line; the first word counts for nothing.
        folder: The folder that the process starts in.
        variables: Its environment.
    """
    if any(variables.get(name) for name in _TALKATIVE):
        return False
    program = _first_executable(os.path.join(folder, place) for place in executables)
    if program is None:
        return False
    if _is_this_python(program):
        return _imports_site(words[1:])
    interpreter, options = _shebang(program, variables)
    return interpreter is not None and _is_this_python(interpreter) and _imports_site(options)


def _first_executable(places: Iterable[str]) -> str | None:
    return next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), None)


def _is_this_python(program: str) -> bool:
    """Tell whether a program is our interpreter, under any name: its folder decides what it imports."""
    folder, ours = os.path.dirname(program), os.path.dirname(sys.executable)
    return os.path.realpath(folder) == os.path.realpath(ours) and (
        os.path.realpath(program) == os.path.realpath(sys.executable)
    )


def _shebang(script: str, variables: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """Return the interpreter that a script names, and the options it gives it."""
    try:
        with open(script, "rb", buffering=0) as stream:
            line = (stream.read(_SHEBANG_SIZE) or b"").partition(b"\n")[0]
    except OSError:
        return None, []
    if not line.startswith(b"#!"):
        return None, []
    interpreter, _, option = os.fsdecode(line[2:]).strip().partition(" ")
    option = option.strip()
    if os.path.basename(interpreter) != "env":
        return interpreter, [option] if option else []
    if not option or option.startswith("-") or " " in option:
        return None, []
    path = variables.get("PATH", os.defpath).split(os.pathsep)
    return _first_executable(os.path.join(place, option) for place in path if os.path.isabs(place)), []


def _imports_site(words: Sequence[str]) -> bool:
    """Tell whether Python's options leave `PYTHONPATH` and `site` alone and nothing tells of imports."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word in {"-", "--"}:
            return True
        if word.startswith("--"):
            if word == "--check-hash-based-pycs":
                next(rest, None)
            continue
        for place, letter in enumerate(word[1:], start=2):
            if letter in "cm":
                return True
            if letter in _BLIND:
                return False
            if letter in "WX":
                value = word[place:] or next(rest, "")
                if letter == "X" and value.startswith("importtime"):
                    return False
                break
    return True
