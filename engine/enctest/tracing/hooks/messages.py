"""Headers and bodies of HTTP messages, as far as they are text and short enough to be kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from enctest.events import Attributes
from enctest.tracing.values import TEXT_LIMIT

Side = Literal["request", "response"]

_HEADERS: Final = 50
"""Headers that are kept of one message."""
_SHOWN: Final = TEXT_LIMIT - 64
"""Characters of a body that are kept."""
_READ: Final = _SHOWN * 4
"""Bytes that hold these characters, however they are encoded."""
_TEXTS: Final = ("json", "xml", "x-www-form-urlencoded", "javascript", "graphql", "yaml", "csv")


def headers(side: Side, pairs: Iterable[tuple[Any, Any]]) -> Attributes:
    """Return `http.request.header.NAME` or the response's, each a list of values.

    Secrets among them (authorization, cookies, keys) are hidden by their names where attributes are cleaned.
    """
    found: dict[str, list[str]] = {}
    left_out = 0
    for name, value in pairs:
        key = f"http.{side}.header.{_text(name).lower()}"
        if key in found:
            found[key].append(_text(value))
        elif len(found) < _HEADERS:
            found[key] = [_text(value)]
        else:
            left_out += 1
    attributes: Attributes = {**found}
    if left_out:
        attributes[f"http.{side}.headers.not_recorded"] = left_out
    return attributes


def is_text(content_type: str | None) -> bool:
    """Return whether a body of this type is worth reading."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind.startswith("text/") or any(kind.endswith(word) for word in _TEXTS)


def body(side: Side, content: Any, content_type: str | None, encoding: str | None = None) -> Attributes:
    """Return size and, if it is text, content of a body; nothing if there is none, or it is not known.

    Args:
        side: Whose body it is.
        content: Bytes or a text; anything else counts as not known.
        content_type: Its `Content-Type`; one without is not text.
        encoding: Its `Content-Encoding`, if `content` is still packed that way.
    """
    if not isinstance(content, (bytes, bytearray, str)) or not content:
        return {}
    return _described(side, content[:_READ], len(content), content_type, encoding)


class Collected:
    """A body that passes by in pieces."""

    def __init__(self, side: Side) -> None:
        self._side: Side = side
        self._pieces: list[bytes] = []
        self._kept = self._size = 0

    def add(self, piece: Any) -> None:
        """Take a piece."""
        if not isinstance(piece, (bytes, bytearray)):
            return
        self._size += len(piece)
        if self._kept < _READ:
            self._pieces.append(bytes(piece[: _READ - self._kept]))
            self._kept += len(self._pieces[-1])

    def attributes(self, content_type: str | None, encoding: str | None = None) -> Attributes:
        """Return what `body` does, of what has passed by now."""
        if not self._size:
            return {}
        return _described(self._side, b"".join(self._pieces), self._size, content_type, encoding)


def _described(
    side: Side, head: bytes | bytearray | str, size: int, content_type: str | None, encoding: str | None
) -> Attributes:
    attributes: Attributes = {f"http.{side}.body.size": size}
    if is_text(content_type) and (encoding or "identity").lower() == "identity":
        text = head if isinstance(head, str) else bytes(head).decode("utf-8", "replace")
        whole = len(text) <= _SHOWN and size <= _READ
        attributes[f"http.{side}.body.text"] = text if whole else f"{text[:_SHOWN]}… ({size} bytes in all)"
    return attributes


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else str(value)
