"""What a word on the command line may become."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from enctest import config
from enctest.cli.usage import COMMANDS, OPTIONS
from enctest.errors import EnctestError
from enctest.foreign import FOREIGN_FOLDERS
from enctest.paths import find_root
from enctest.store.history import History, names

if TYPE_CHECKING:
    from enctest.cli.completion.pytest_options import Option

_TUI = {
    "--demo": "open the sample project",
    "--python": "interpreter that runs the tests",
    "--port": "where serve listens",
    "--fresh": "each run in a pytest process of its own",
}
_MOST = 500
_SAID = 70
_DB = ("list", "url", "shell", "changes", "drop", "reset")
_PYTEST_COMMANDS = ("", "watch", "serve")
"""What takes pytest's arguments."""


def split(line: str) -> list[str]:
    """Return the words of a line, its last one as far as it is typed, maybe empty."""
    for end in ("", '"', "'"):
        with contextlib.suppress(ValueError):
            words = shlex.split(line + end)
            return words if words and not line[-1:].isspace() else [*words, ""]
    return [""]


def complete(words: Sequence[str]) -> Iterator[str]:
    """Yield what the last word may become, each with what it is for after a tab where that is known."""
    *before, word = words or [""]
    found = list(dict(_candidates(before, word)).items())
    for value, said in found[:_MOST]:
        yield f"{value}\t{said[:_SAID]}" if said else value


def _candidates(before: Sequence[str], word: str) -> Iterable[tuple[str, str]]:
    program, *rest = before or ["enctest"]
    is_tui = Path(program).name == "enctest-tui"
    command = rest[0] if rest and (rest[0] in COMMANDS or (is_tui and rest[0] == "serve")) else ""
    last = rest[-1] if rest else ""
    name, equals, value = word.partition("=")
    if equals and word.startswith("-"):
        return [(f"{name}={each}", said) for each, said in _values(name, value) if each.startswith(value)]
    if last.startswith("-") and (found := list(_values(last, word))):
        return [(each, said) for each, said in found if each.startswith(word)]
    if last == "-p" or last in _takes_a_value():
        return []
    if word.startswith("-"):
        return [(each, said) for each, said in _options(command, is_tui=is_tui) if each.startswith(word)]
    return [*_first(rest, word, is_tui=is_tui), *_arguments(command, rest, word)]


def _first(rest: Sequence[str], word: str, *, is_tui: bool) -> Iterator[tuple[str, str]]:
    if not rest:
        known = {"serve": "the same in a browser"} if is_tui else COMMANDS
        yield from ((name, said) for name, said in known.items() if name.startswith(word))


def _arguments(command: str, rest: Sequence[str], word: str) -> Iterable[tuple[str, str]]:
    match command:
        case "completion":
            return [(shell, "") for shell in ("bash", "zsh", "fish") if shell.startswith(word)]
        case "db" if len(rest) == 1:
            return [(name, "") for name in _DB if name.startswith(word)]
        case "db":
            return [(name, "") for name in _databases() if name.startswith(word)]
        case "trace":
            return _tests(word)
        case "init" | "schema" | "doctor" | "report":
            return []
    return [*_paths(word), *(_tests(word) if "::" in word or word.endswith(".py") else [])]


def _options(command: str, *, is_tui: bool) -> Iterator[tuple[str, str]]:
    if is_tui:
        yield from _TUI.items()
    else:
        yield from ((name, "") for name in OPTIONS.get(command, ()))
    if command in _PYTEST_COMMANDS:
        for option in _pytest_options():
            long = [name for name in option.names if name.startswith("--")]
            yield from ((name + end, option.help) for name in long for end in option.endings)


@cache
def _pytest_options() -> tuple[Option, ...]:
    from enctest.cli.completion.pytest_options import options

    return tuple(options())


def _takes_a_value() -> set[str]:
    return {"-k", "-m", "-c", "-o", "-W", "-n", "--python", "--events", "--port"}


def _values(option: str, word: str) -> Iterable[tuple[str, str]]:
    """Yield what an option may be; nothing where that is not known."""
    known: dict[str, Callable[[str], Iterable[tuple[str, str]]]] = {
        "--affected": lambda _: ((name, "") for name in _revisions()),
        "--test": _tests,
        "--deselect": _tests,
        "--compare": lambda begun: [("previous", "the run before"), *_tests(begun)],
        "--ignore": _paths,
        "--changed": _paths,
        "-n": lambda _: [("auto", "one process per core"), ("logical", "")],
    }
    if option in known:
        return known[option](word)
    if not option.startswith("--"):
        return []
    return [(each, "") for found in _pytest_options() if option in found.names for each in found.choices]


def _revisions() -> list[str]:
    done = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ["HEAD", *done.stdout.split()]


def _databases() -> list[str]:
    with contextlib.suppress(EnctestError):
        return list(config.load(find_root(Path.cwd())).databases)
    return []


def _paths(word: str) -> Iterator[tuple[str, str]]:
    """Yield folders and Python files below what is typed."""
    head, slash, tail = word.rpartition("/")
    with contextlib.suppress(OSError), os.scandir(f"{head}{slash}" or ".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            hidden = entry.name.startswith(".") and not tail.startswith(".")
            if entry.name.startswith(tail) and not hidden and entry.name not in FOREIGN_FOLDERS:
                if entry.is_dir():
                    yield f"{head}{slash}{entry.name}/", ""
                elif entry.name.endswith(".py"):
                    yield f"{head}{slash}{entry.name}", ""


def _tests(word: str) -> Iterator[tuple[str, str]]:
    """Yield known tests, by way of their files and classes, as they are called from this folder."""
    root = find_root(Path.cwd())
    state = root / ".enctest"
    here = "" if Path.cwd() == root else f"{Path.cwd().relative_to(root).as_posix()}/"
    for test in _known(state):
        if here and not test.startswith(here):
            continue
        named = test.removeprefix(here)
        if named.startswith(word):
            yield _up_to_next(named, len(word)), ""


def _up_to_next(test: str, at: int) -> str:
    """Return a test's id up to the next `::` behind what is typed, or all of it."""
    found = test.find("::", at)
    return test if found < 0 else test[: found + 2]


def _known(state: Path) -> list[str]:
    known: dict[str, None] = {}
    if state.is_dir():
        for name in names(state):
            with contextlib.suppress(EnctestError), contextlib.closing(History(state, name)) as history:
                known |= dict.fromkeys(re.sub(r"\s", " ", each.info.test) for each in history.tests())
    return list(known)
