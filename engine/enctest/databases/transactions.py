"""What a statement does to transactions and to the session, as far as a relay has to know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from enctest.databases.statements import normalized, split

Kind = Literal["begin", "commit", "rollback", "level", "discard", "forget", "refused"]

_WORDS = re.compile(
    r"""
    (?P<begin> begin | start \s transaction )
  | (?P<refused> prepare \s transaction | (?:commit|rollback) \s prepared )
  | (?P<commit> commit | end )
  | (?P<rollback> (?:rollback | abort) (?!.*\bto\b) )
  | (?P<level> set \s transaction (?=\s.*\bisolation\b) )
  | (?P<discard> discard \s all )
  | (?P<forget> deallocate \s (?:prepare \s)? all )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_MAY_BE = re.compile(
    r"\b(begin|start|commit|end|rollback|abort|prepare|transaction|discard|deallocate)\b", re.IGNORECASE
)
_CHAINED = re.compile(r"\band\s+chain\b", re.IGNORECASE)
_READ_ONLY = re.compile(r"\bread\s+only\b", re.IGNORECASE)
_SETTING = re.compile(
    r"(?P<all>reset\s+all|discard\s+all)"
    r"|(?P<one>set\s+(?!local\b|transaction\b|constraints\b)|reset\s+(?!all\b)|select\s+(pg_catalog\.)?set_config\()",
    re.IGNORECASE,
)
_TAGS = {
    "begin": "BEGIN", "commit": "COMMIT", "rollback": "ROLLBACK", "level": "SET",
    "discard": "DISCARD ALL", "forget": "DEALLOCATE ALL",
}  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A statement about transactions."""

    kind: Kind
    is_read_only: bool = False

    @property
    def tag(self) -> str:
        """What the server says when it is done."""
        return _TAGS.get(self.kind, "")


def command(sql: str) -> Command | None:
    """Return what one statement does to transactions, None if nothing."""
    if not _MAY_BE.search(sql):
        return None
    text = normalized(sql)
    match = _WORDS.match(text)
    if match is None or match.lastgroup is None or text[match.end() : match.end() + 1].isalnum():
        return None
    kind: Kind = "refused" if _CHAINED.search(text) else match.lastgroup  # type: ignore[assignment]
    return Command(kind, is_read_only=bool(_READ_ONLY.search(text)))


def pieces(sql: str) -> list[str]:
    """Return the statements of a text one by one if any is about transactions, else the text as it is."""
    if not _MAY_BE.search(sql):
        return [sql]
    found = [each.sql for each in split(sql)]
    return found if any(command(each) for each in found) else [sql]


def wear(settings: list[str], sql: str) -> None:
    """Add a statement to those that make a session what it is, if it is one of them."""
    match = _SETTING.match(sql.lstrip())
    if match is None:
        return
    if match["all"]:
        settings.clear()
    elif "$1" not in sql:
        settings.append(sql.strip().rstrip(";"))
