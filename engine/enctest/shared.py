"""What is made once and used by whoever comes later: a place for those who keep account of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

Account = Callable[[str], AbstractContextManager[None]]

ACCOUNTS: Final[list[Account]] = []
"""Each is told the file on whose behalf something is made, and is open meanwhile."""


def made_for_all(file: str | None) -> AbstractContextManager[None]:
    """Return what is to be held while something is made for others than the one who asked first."""
    return ACCOUNTS[-1](file) if ACCOUNTS and file else nullcontext()
