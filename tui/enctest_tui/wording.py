"""What is said of a span in a line: its label, and the text of its query."""

from __future__ import annotations

from enctest.tracing.model import is_beside
from enctest_tui.spans import SpanNode
from enctest_tui.text import one_line


def label(span: SpanNode) -> str:
    """Return what a span did: verb and table of a query, method and address of a request, else its name."""
    name = one_line(str(span.attribute("enctest.name")) or span.name)
    if is_beside(span):
        return f"{name} (not counted)"
    if span.kind == "db":
        return one_line(str(span.attribute("db.query.summary"))) or name
    if span.kind in {"client", "server"}:
        return _http(span) or name
    return name


def statement(span: SpanNode) -> str:
    """Return the text of a query in one line, if it is more than the label says."""
    text = one_line(str(span.attribute("db.query.text", "db.statement"))) if span.kind == "db" else ""
    return "" if text == label(span) else text


def _http(span: SpanNode) -> str:
    method = span.attribute("http.request.method", "http.method")
    where = span.attribute("url.full", "http.url", "http.route", "url.path", "http.target")
    code = span.attribute("http.response.status_code", "http.status_code")
    return one_line(f"{method} {str(where).partition('://')[2] or where} {code}") if method and where else ""
