"""What must not leave the process: secrets by name, by form, by value, and what the configuration names."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Final

REDACTED: Final = "[redacted]"

_SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|secret|token(?!s)|authorization|cookie|api[-_]?key|private[-_]?key|credential",
    re.IGNORECASE,
)
_SECRET_IN_TEXT = re.compile(
    r"""(?ix)
    ( \b [\w-]* (?:passw(?:or)?d|passphrase|secret|token|authorization|cookie|api[-_]?key) ["']? )
    ( \s*[=:]\s* (?:bearer\s+|basic\s+)? | \s+(?=') )
    ( '[^']*' | "[^"]*" | (?![%$?:{(\[]) [^\s,;&'")}\]]+ )
    """
)
_CREDENTIALS = re.compile(r"(\w+://[^\s/:@]*):[^\s/@]+@")
_SHORT: Final = 300
_REMEMBERED: Final = 4096
"""Short texts (names, paths, statements) come again and again: what became of them is kept."""
_HINTS = ("passw", "passphrase", "secret", "token", "authorization", "cookie", "key")
_VALUE: Final = 4
"""Characters of the shortest secret that is looked for by its value: shorter ones are everywhere."""


class _Rules:
    """What is secret besides, for this process."""

    patterns: tuple[re.Pattern[str], ...] = ()
    values: tuple[str, ...] = ()


def configure(patterns: Iterable[str]) -> None:
    """Hide values whose names one of these regular expressions finds, and whatever they match in texts.

    Args:
        patterns: Upper and lower case count as the same.
    """
    _Rules.patterns = tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
    _forget()


def hide(value: str) -> None:
    """Leave `value` out of all texts from now on."""
    if len(value) >= _VALUE and value not in _Rules.values:
        _Rules.values = tuple(sorted({*_Rules.values, value}, key=len, reverse=True))  # the longest first
        _forget()


@functools.lru_cache(_REMEMBERED)
def is_secret(name: str) -> bool:
    """Return whether a value of this name must not leave the process."""
    return _SECRET_NAME.search(name) is not None or any(
        pattern.search(name) is not None for pattern in _Rules.patterns
    )


def redact(text: str) -> str:
    """Return `text` without secrets: what follows `password=` and its like, credentials in URLs, values."""
    return _redact_short(text) if len(text) <= _SHORT else _redact(text)


def _redact(text: str) -> str:
    for value in _Rules.values:
        if value in text:
            text = text.replace(value, REDACTED)
    for pattern in _Rules.patterns:
        text = pattern.sub(REDACTED, text)
    lowered = text.lower()
    if any(hint in lowered for hint in _HINTS):
        text = _SECRET_IN_TEXT.sub(_hide, text)
    return _CREDENTIALS.sub(rf"\1:{REDACTED}@", text) if "://" in text else text


_redact_short = functools.lru_cache(_REMEMBERED)(_redact)


def _forget() -> None:
    is_secret.cache_clear()
    _redact_short.cache_clear()


def _hide(match: re.Match[str]) -> str:
    quote = match[3][0] if match[3][0] in "'\"" else ""
    return f"{match[1]}{match[2]}{quote}{REDACTED}{quote}"
