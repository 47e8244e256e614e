"""What of a row is worth having on the clipboard."""

from __future__ import annotations

from enctest_tui.span_details import filled
from enctest_tui.spanrows import Row
from enctest_tui.wording import label

_MESSAGES = ("exception.message", "log.message", "body")
_ADDRESSES = ("url.full", "http.url")


def copied(row: Row) -> tuple[str, str]:
    """Return what it is called, and the text: a query, an address, a message, or what the span is called."""
    if row.note is not None:
        found = next(
            (str(row.note.attributes[name]) for name in _MESSAGES if name in row.note.attributes), ""
        )
        return ("message", found) if found else ("name", row.note.name)
    attributes = row.span.attributes
    statement = filled(attributes)
    if statement is not None:
        return "SQL", statement.sql
    address = next((str(attributes[name]) for name in _ADDRESSES if name in attributes), "")
    return ("address", address) if address else ("name", label(row.span))
