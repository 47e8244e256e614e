"""Who may see the dashboard: a one-time link, then a cookie; the right host, and no other page's requests."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self' ws://{host}; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
"""Nothing is fetched from anywhere else; the page of textual-serve has scripts and styles of its own."""


class Guard:
    """Lets in whoever has the link, once, and then their browser.

    Browsers send cookies to every port of 127.0.0.1, and let pages of other ports open sockets here: so
    each request has to name this very host and port, and what comes from a page has to come from ours.

    Args:
        host: What browsers must call us, such as `127.0.0.1:9400`.
        refused: Told, in one line, of each request that is not answered.
        opened: Told of the link for the next browser once one has been used.
    """

    def __init__(self, host: str, refused: Callable[[str], None], opened: Callable[[str], None]) -> None:
        self._host = host
        self._origin = f"http://{host}"
        self._refused = refused
        self._opened = opened
        self._token = secrets.token_urlsafe(32)
        self._sessions: set[str] = set()
        self._cookie = f"enctest-{host.rpartition(':')[2]}"

    @property
    def link(self) -> str:
        """The address that lets one browser in."""
        return f"{self._origin}/?token={self._token}"

    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request if it may be answered. `web.middleware` has to be put around it."""
        why = self._objection(request)
        if why:
            self._refused(f"refused {request.method} {request.path}: {why}")
            return web.Response(status=403, text=f"enctest refused this: {why}\n", headers=_HEADERS)
        if request.path == "/" and "token" in request.query:
            return self._let_in(request)
        if not self._knows(request):
            self._refused(f"refused {request.method} {request.path}: no session")
            text = "Open the link that enctest-tui serve has printed; each lets one browser in.\n"
            return web.Response(status=401, text=text, headers=_HEADERS)
        return await handler(request)

    def seal(self, response: web.StreamResponse) -> None:
        """Add what keeps browsers from showing, framing or caching a response elsewhere."""
        response.headers.update(_HEADERS)
        response.headers["Content-Security-Policy"] = _POLICY.format(host=self._host)

    def _objection(self, request: web.Request) -> str:
        host = request.headers.get("Host", "")
        if host != self._host:
            return f"host {host[:80]!r} is not {self._host}"
        origin = request.headers.get("Origin")
        if origin is None and request.path == "/ws":
            return "it does not say from which page it comes"
        if origin is not None and origin != self._origin:
            return f"it comes from {origin[:80]!r}"
        if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            if request.path == "/" and request.headers.get("Sec-Fetch-Dest") == "document":
                return ""  # somebody followed a link: the session decides
            return "another page asks for it"
        return "" if request.method in {"GET", "HEAD"} else f"{request.method} is not used here"

    def _let_in(self, request: web.Request) -> web.StreamResponse:
        if not hmac.compare_digest(request.query["token"].encode(), self._token.encode()):
            if self._knows(request):
                return web.HTTPSeeOther("/", headers=_HEADERS)  # a used link, from the one who used it
            self._refused("refused GET /: the link is wrong, or was used before")
            text = "This link is wrong, or was used before. enctest-tui serve has printed another.\n"
            return web.Response(status=403, text=text, headers=_HEADERS)
        self._token = secrets.token_urlsafe(32)
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        response = web.HTTPSeeOther("/", headers=_HEADERS)
        response.set_cookie(self._cookie, session, httponly=True, samesite="Strict", path="/")
        self._opened(self.link)
        return response

    def _knows(self, request: web.Request) -> bool:
        found = request.cookies.get(self._cookie, "").encode()
        return any(hmac.compare_digest(found, session.encode()) for session in self._sessions)
