"""What the usage says, as words: commands, what each is for, and their options."""

from __future__ import annotations

import re
from typing import Final

from enctest.cli.main import USAGE

_LINE: Final = re.compile(r"^(?:usage:)? +(?:enctest ([a-z]+)|(enctest \[)|(enctest-tui))?(.*)$")
_OPTION: Final = re.compile(r"--[a-z][a-z-]*")


def _read(usage: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return what each command is for, and the options of each; "" is a plain run."""
    commands: dict[str, str] = {}
    options: dict[str, list[str]] = {"": ["--help", "--version"]}
    current: str | None = None
    for line in usage.splitlines():
        match = _LINE.match(line)
        if match is None:
            current = None
            continue
        name, plain, tui, rest = match.groups()
        if name or plain or tui:
            current = None if tui else name or ""
        if current is None:
            continue
        words, _, said = rest.rstrip().partition("  ") if name else rest.strip().partition("  ")
        if name:
            commands[name] = said.strip()
        elif current and not commands[current]:
            commands[current] = rest.strip()
        known = options.setdefault(current, [])
        known += [option for option in _OPTION.findall(words) if option not in known]
    return commands, options


COMMANDS, OPTIONS = _read(USAGE)
"""Commands with what they are for; the options of each command, and under "" those of plain runs."""
