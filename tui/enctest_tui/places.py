"""Places in files that a line of text names, and links to them."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

_PLACE: Final = re.compile(
    r"""File "(?P<file>[^"]+)", line (?P<number>\d+)|"""
    r"""(?P<path>[\w./~@+][^\s:"'()<>|,\[\]]*\.\w+):(?P<line>\d+)"""
)
_PLAIN_TERMINALS: Final = {"linux", "dumb", "vt100", "vt220"}


@dataclass(frozen=True)
class Place:
    """A file that is there and a line in it, as named between two columns (characters) of a text."""

    start: int
    end: int
    path: str
    line: int


def find(text: str, root: str) -> Iterator[Place]:
    """Yield the places that a text names, if their files are there.

    Args:
        text: One line.
        root: The folder that relative paths are of; without one there is no place.
    """
    if not root or "." not in text:
        return
    for match in _PLACE.finditer(text):
        path, line = match["file"] or match["path"], match["number"] or match["line"]
        if _is_there(root, path):
            yield Place(match.start(), match.end(), path, int(line))


@lru_cache(maxsize=2_000)
def _is_there(root: str, path: str) -> bool:
    return Path(root, path).is_file()


def link(root: str, place: Place) -> str:
    """Return the address of a place, as terminals open it; empty where the terminal knows no links."""
    if os.environ.get("TERM", "") in _PLAIN_TERMINALS:
        return ""
    return f"file://{_host()}{quote(str(Path(root, place.path).absolute()))}#{place.line}"


@lru_cache(maxsize=1)
def _host() -> str:
    return socket.gethostname()
