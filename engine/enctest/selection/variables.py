"""The environment as the explorer compares it between two starts: hashes, never the values."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping

import msgspec

THE_USERS: Mapping[str, str] = dict(os.environ)
"""The user's environment, before a run in this process can have changed it."""

_CONFIGURES = frozenset(
    {
        *("PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS"),
        *("PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONPATH", "PYTHONWARNINGS"),
    }
)
"""What decides how pytest and Python run, long before anything is recorded."""

_OF_THE_TERMINAL = frozenset(
    {
        *("_", "COLORTERM", "COLUMNS", "DISPLAY", "INVOCATION_ID", "JOURNAL_STREAM", "LINES", "LS_COLORS"),
        *("OLDPWD", "PATH", "PS1", "PWD", "SESSION_MANAGER", "SHLVL", "STY", "TERM", "VIRTUAL_ENV"),
        *("VIRTUAL_ENV_PROMPT", "WINDOWID", "XAUTHORITY"),
    }
)
_OF_TERMINALS = (
    "DBUS_",
    "ENCTEST_",
    "GPG_",
    "ITERM_",
    "SSH_",
    "TERM_",
    "TMUX",
    "VSCODE_",
    "WAYLAND_",
    "XDG_",
)
"""What differs between two windows of one user: whoever copies all variables means the others."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What the variables were: hashes by name, made with a salt of the project's own."""

    salt: str
    hashes: dict[str, str]


def environment_of(variables: Mapping[str, str], salt: str = "") -> Environment:
    """Return what `variables` are, comparable with others of the same salt (a new one if empty)."""
    salt = salt or secrets.token_hex(8)
    key = salt.encode()
    return Environment(
        salt=salt,
        hashes={
            name: hashlib.blake2b(
                value.encode("utf-8", "surrogateescape"), digest_size=10, key=key
            ).hexdigest()
            for name, value in variables.items()
        },
    )


def changed_names(old: Environment, new: Environment) -> Iterator[str]:
    """Yield the names of variables that were set, removed or given another value."""
    for name in sorted({*old.hashes, *new.hashes}):
        if old.hashes.get(name) != new.hashes.get(name):
            yield name


def configures(name: str) -> bool:
    """Tell whether a variable decides how pytest or Python run."""
    return name in _CONFIGURES


def is_of_the_terminal(name: str) -> bool:
    """Tell whether a variable says where the user sits, not what the project is to do."""
    return name in _OF_THE_TERMINAL or name.startswith(_OF_TERMINALS)
