"""Attribute values as they may travel: plain types, bounded, without secrets."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from enctest.events import Attributes
from enctest.tracing.redaction import REDACTED, is_secret, redact

TEXT_LIMIT: Final = 4096
"""Characters that one attribute value may have."""
ITEM_LIMIT: Final = 100
"""Elements that one list may have."""

_MARGIN: Final = 1024  # characters behind a cut that are looked at, for a secret that the cut splits
_BRIEF: Final = 200  # characters left of a value once a test has used up its budget
_SHOWN_ITEMS: Final = 20  # elements of a container inside a query parameter
_SHOWN_DEPTH: Final = 3
_PLAIN: Final = (str, int, float, bool)
_NUMBERS: Final = frozenset({int, float, bool})


def shorten(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return at most `limit` characters of `text`, and how many are missing."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


class Cleaner:
    """Makes attributes fit to be sent.

    Args:
        budget: Characters that may be sent in full; values are cut to 200 characters after that.
    """

    def __init__(self, budget: int) -> None:
        self._left = budget

    @property
    def exhausted(self) -> bool:
        """Whether values have been cut because of the budget."""
        return self._left < 0

    def clean(self, attributes: Mapping[str, Any]) -> Attributes:
        """Return `attributes` with plain, bounded values, secrets left out."""
        found: Attributes = {}
        for key, value in attributes.items():
            name = key if type(key) is str else str(key)
            if type(value) is str:
                found[name] = self._text(value) if not is_secret(name) else REDACTED
            else:
                found[name] = value if type(value) in _NUMBERS else self._safe(name, value)
        return found

    def _safe(self, key: str, value: Any) -> Any:
        try:
            return self._value(key, value)
        except Exception as error:  # noqa: BLE001 - a value of the application's must not stop the sending
            return f"<unreadable: {type(error).__name__}>"

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, (bool, int, float)):
            return value
        if is_secret(key):
            return REDACTED if isinstance(value, (str, bytes)) or value is None else [REDACTED]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
            items = [self._item(item) for item in value[:ITEM_LIMIT]]
            return [*items, f"… ({len(value) - ITEM_LIMIT} more)"] if len(value) > ITEM_LIMIT else items
        return self._text(show(value))

    def _item(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        return value if isinstance(value, _PLAIN) else self._text(show(value))

    def _text(self, text: str) -> str:
        limit = TEXT_LIMIT if self._left > 0 else _BRIEF
        length = len(text)
        if length > limit:
            head = redact(text[: limit + _MARGIN])
            head = (
                head[: max(0, min(limit, len(head) - _MARGIN))] if length > limit + _MARGIN else head[:limit]
            )
            text = f"{head}… ({length - limit} more characters)"
        else:
            text = redact(text)
        self._left -= len(text)
        return text


class Ready(dict[str, Any]):
    """Attributes that are fit to be sent as they are, made once and used by many spans; never changed."""

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Ready:
        """Return attributes made fit."""
        return cls(Cleaner(sys.maxsize).clean(attributes))


def show(value: Any, depth: int = 0) -> str:
    """Return a short representation of `value` that runs no code of the application."""
    if isinstance(value, (str, bytes, bytearray)):
        cut = value[:TEXT_LIMIT]
        return repr(cut) if len(cut) == len(value) else f"{cut!r}… ({len(value) - TEXT_LIMIT} more)"
    kind = type(value)
    if depth < _SHOWN_DEPTH and kind in (list, tuple, dict):
        return _show_container(value, depth + 1)
    if _is_known(kind) and kind not in (list, tuple, dict, set, frozenset):
        return shorten(repr(value))
    return f"<{kind.__name__}>"


def _show_container(value: Any, depth: int) -> str:
    more = ", …" if len(value) > _SHOWN_ITEMS else ""
    if isinstance(value, dict):
        pairs = list(value.items())[:_SHOWN_ITEMS]
        inner = ", ".join(f"{show(key, depth)}: {show_named(str(key), item, depth)}" for key, item in pairs)
        return f"{{{inner}{more}}}"
    inner = ", ".join(show(item, depth) for item in value[:_SHOWN_ITEMS])
    return f"[{inner}{more}]" if isinstance(value, list) else f"({inner}{more})"


def show_named(name: str, value: Any, depth: int = 0) -> str:
    """Return `show(value)`, or that it was left out because of its name."""
    return REDACTED if is_secret(name) else show(value, depth)


_known: dict[type, bool] = {}


def _is_known(kind: type) -> bool:
    """Return whether instances are shown by code of the standard library, without surprises."""
    found = _known.get(kind)
    if found is None:
        module = kind.__module__.partition(".")[0]
        found = module in sys.stdlib_module_names and module not in {"unittest", "types", "weakref"}
        _known[kind] = found
    return found
