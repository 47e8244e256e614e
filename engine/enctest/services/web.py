"""Existing web applications as services: called in this process, in the trace and the test of the caller."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from enctest.services.endpoint import api
from enctest.services.service import Service

HOST: Final = "service"
"""What requests say that they are sent to."""


@dataclass(frozen=True)
class Response:
    """What an application answered.

    Attributes:
        status: Such as 200.
        headers: Names in lower case; of several with one name, the values joined by commas.
        body: As it was sent.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json_module.loads(self.body)


@dataclass(frozen=True)
class Sent:
    """A request as it goes over the wire.

    Attributes:
        method: Such as GET.
        path: Without the query, as it was given.
        query: What follows the question mark.
        headers: Names in lower case.
        body: The content.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class WebService(Service):
    """An application of any framework; subclasses know how to hand it a request."""

    app: ClassVar[Any] = None

    @api
    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes = b"",
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send a request: `Books.request("GET", "/books/1").json()`."""
        return self._ask(_sent(method, path, json, body, query, headers))

    @api
    async def arequest(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes = b"",
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send a request, in a coroutine."""
        return await self._aask(_sent(method, path, json, body, query, headers))

    def _ask(self, sent: Sent) -> Response:
        raise NotImplementedError

    async def _aask(self, sent: Sent) -> Response:
        raise NotImplementedError


def _sent(
    method: str,
    path: str,
    json: Any,
    body: bytes,
    query: dict[str, str] | None,
    headers: dict[str, str] | None,
) -> Sent:
    path, _, asked = path.partition("?")
    found = {"host": HOST} | {name.lower(): text for name, text in (headers or {}).items()}
    if json is not None:
        body = json_module.dumps(json).encode()
        found.setdefault("content-type", "application/json")
    if body:
        found["content-length"] = str(len(body))
    whole = "&".join(part for part in (asked, urlencode(query or {})) if part)
    return Sent(method.upper(), path, whole, found, body)


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by name in lower case; of several with one name, the values joined by commas."""
    found: dict[str, str] = {}
    for name, text in pairs:
        key = name.lower()
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
