"""What HTTP clients and servers share: the attributes of a request."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from enctest.events import Attributes
from enctest.tracing.redaction import REDACTED, is_secret, redact
from enctest.tracing.spans import OpenSpan, current

_PAIR = re.compile(r"([?&;])([^=&;#]+)=([^&;#]*)")
_CLIENT_ERROR = 400
_SERVER_ERROR = 500


def safe_url(url: str) -> str:
    """Return `url` without passwords and without the values of secret query parameters."""

    def hide(match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}={REDACTED if is_secret(match[2]) else match[3]}"

    url = redact(url) if "@" in url else url
    return _PAIR.sub(hide, url) if "?" in url else url


def client_request(method: str, url: str) -> tuple[str, Attributes]:
    """Return name and attributes of the span of an outgoing request."""
    attributes: Attributes = {"http.request.method": method, "url.full": safe_url(url)}
    try:
        parts = urlsplit(url)
        host, port, path = parts.hostname, parts.port, parts.path
    except ValueError:  # no valid URL; the client is about to say so itself
        return method, attributes
    if host:
        attributes["server.address"] = host
    if port:
        attributes["server.port"] = port
    return f"{method} {path or '/'}", attributes


def server_request(method: str, path: str, query: str) -> tuple[str, Attributes]:
    """Return name and attributes of the span of an incoming request."""
    attributes: Attributes = {"http.request.method": method, "url.path": path}
    if query:
        attributes["url.query"] = safe_url(f"?{query}")[1:]
    return f"{method} {path}", attributes


def client_failed(status: int) -> bool:
    """Return whether a client's span counts as an error, by the semantic conventions."""
    return status >= _CLIENT_ERROR


def server_failed(status: int) -> bool:
    """Return whether a server's span counts as an error: not if the client was wrong."""
    return status >= _SERVER_ERROR


def inside_client() -> bool:
    """Return whether an outgoing request is under way here, as told by a library above."""
    above = current()
    return above is not None and above.kind == "client" and not above.end_ns


def serving() -> OpenSpan | None:
    """Return the span of the request that is being served here, if a server above has opened one."""
    above = current()
    return above if above is not None and above.kind == "server" and not above.end_ns else None
