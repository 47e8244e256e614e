"""pytest's options in this environment, those of its plugins included; no conftest is run for them."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import pytest

_FLAGS = {"store_true", "store_false", "store_const", "count", "append_const", "help", "version"}


@dataclass(frozen=True)
class Option:
    """An option: its names, what it is for, how it is written, and which values it may have."""

    names: tuple[str, ...]
    help: str
    endings: tuple[str, ...]
    choices: tuple[str, ...]


class _Enough(Exception):  # noqa: N818 - nothing went wrong
    """All plugins have told their options."""


class _Listener:
    """Looks at the options when all installed plugins have told theirs."""

    def __init__(self) -> None:
        self.options: list[Option] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, parser: Any) -> None:
        """Keep the options, and go no further."""
        groups = dict.fromkeys((parser._anonymous, *parser._groups))  # noqa: SLF001 - there is no other way
        self.options = [_option(each) for group in groups for each in group.options]
        raise _Enough


def options() -> list[Option]:
    """Return them, in pytest's order."""
    listener = _Listener()
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet), contextlib.suppress(_Enough):
        pytest.main([], plugins=[listener])
    return listener.options


def _option(each: Any) -> Option:
    attributes = each.attrs()
    said = " ".join(str(attributes.get("help") or "").replace("%%", "%").split())
    is_flag = attributes.get("nargs") == 0 or attributes.get("action", "store") in _FLAGS
    return Option(
        tuple(each.names()),
        "" if said == "==SUPPRESS==" else said.partition(". ")[0],
        ("",) if is_flag else ("", "=") if attributes.get("nargs") == "?" else ("=",),
        tuple(str(choice) for choice in attributes.get("choices") or ()),
    )
