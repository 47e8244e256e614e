"""Databases as TOML, and pyproject.toml with them; what is there stays as it is."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

from enctest import config
from enctest.cli.init.proposal import Proposal
from enctest.errors import EnctestError


def toml(proposals: Iterable[Proposal]) -> str:
    """Return the tables of these databases."""
    return "\n".join(_table(each) for each in proposals)


def _table(proposal: Proposal) -> str:
    lines = [f"# {reason}" for reason in proposal.reasons]
    lines.append(f"[tool.enctest.databases.{proposal.name}]")
    values = [
        ("engine", proposal.engine if proposal.engine != "postgresql" else ""),
        ("version", proposal.version),
        ("migrations", proposal.migrations),
        ("seed", proposal.seed),
        ("scheme", proposal.scheme),
        ("env", proposal.env),
    ]
    lines += [f"{key} = {_value(value)}" for key, value in values if value]
    return "\n".join(lines) + "\n"


def _value(value: str | dict[str, str]) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"


def appended(path: Path, tables: str) -> str:
    """Return what pyproject.toml is to be.

    Raises:
        EnctestError: It is broken, declares databases already, or cannot take tables at its end.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise EnctestError(f"{path} cannot be read: {error}") from error
    if config.load(path.parent).databases:
        raise EnctestError(
            f"{path} declares databases already: nothing is written",
            "Edit it by hand; see README.md.",
            exit_code=1,
        )
    line = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text else line if text.endswith("\n") else line * 2
    whole = text + gap + tables.replace("\n", line)
    try:
        tomllib.loads(whole)
    except tomllib.TOMLDecodeError as error:
        raise EnctestError(
            f"{path} cannot take tables at its end: {error}",
            "Write them where they belong, by hand.",
            exit_code=1,
        ) from error
    return whole


def write(path: Path, text: str) -> None:
    """Write the file.

    Raises:
        EnctestError: That is not allowed.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
    except OSError as error:
        raise EnctestError(f"{path} cannot be written: {error.strerror}", exit_code=1) from error
