"""Existing web applications as services: called in this process, in the trace and the test of the caller."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import unquote, urlencode

from enctest.errors import EnctestError
from enctest.services import loops
from enctest.services.endpoint import api
from enctest.services.service import Service

_HOST: Final = "service"
_START_SECONDS: Final = 30.0


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
        return json.loads(self.body)


class AsgiService(Service):
    """An application of FastAPI, Starlette, Django or another with ASGI; made by `Service.from_asgi`.

    It has an event loop and a thread of its own, from its start (`lifespan` included) to its end.
    """

    app: ClassVar[Any] = None

    def start(self) -> None:
        """Start the application."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_run, args=(self._loop,), name=f"enctest {type(self).__name__}", daemon=True
        )
        self._thread.start()
        self._lifespan = _Lifespan(type(self).app)
        try:
            self._on_loop(self._lifespan.start()).result(_START_SECONDS)
        except BaseException:  # whatever it is, the thread must not stay
            self._stop()
            raise

    def close(self) -> None:
        """End the application."""
        try:
            self._on_loop(self._lifespan.finish()).result(_START_SECONDS)
        finally:
            self._stop()

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
        if loops.running() is self._loop:
            raise EnctestError(
                f"{type(self).__name__}.request was called by a coroutine of the application itself",
                "It would wait for itself. Use `await ....arequest(...)` there.",
            )
        scope, content = _prepared(method, path, json, body, query, headers)
        answer: Response = self._on_loop(_ask(type(self).app, scope, content)).result()
        return answer

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
        scope, content = _prepared(method, path, json, body, query, headers)
        return await asyncio.wrap_future(self._on_loop(_ask(type(self).app, scope, content)))

    def _on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class WsgiService(Service):
    """An application of Flask, Django or another with WSGI; made by `Service.from_wsgi`."""

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
        scope, content = _prepared(method, path, json, body, query, headers)
        return _ask_wsgi(type(self).app, scope, content)

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
        scope, content = _prepared(method, path, json, body, query, headers)
        return await asyncio.to_thread(_ask_wsgi, type(self).app, scope, content)


def _prepared(
    method: str,
    path: str,
    value: Any,
    body: bytes,
    query: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
) -> tuple[dict[str, Any], bytes]:
    """Return a request as ASGI has it."""
    path, _, given = path.partition("?")
    sent = {"host": _HOST} | {name.lower(): text for name, text in (headers or {}).items()}
    if value is not None:
        body = json.dumps(value).encode()
        sent.setdefault("content-type", "application/json")
    if body:
        sent["content-length"] = str(len(body))
    asked = "&".join(part for part in (given, urlencode(query or {})) if part)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": asked.encode(),
        "headers": [(name.encode("latin-1"), text.encode("latin-1")) for name, text in sent.items()],
        "client": ("127.0.0.1", 0),
        "server": (_HOST, 80),
    }
    return scope, body


async def _ask(app: Any, scope: dict[str, Any], body: bytes) -> Response:
    ended = asyncio.Event()
    content: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    status, headers, parts = 500, {}, []

    async def receive() -> dict[str, Any]:
        if content:
            return content.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], _joined(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            parts.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                ended.set()

    await app(scope, receive, send)
    return Response(status, headers, b"".join(parts))


def _ask_wsgi(app: Any, scope: dict[str, Any], body: bytes) -> Response:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode(),
        "SERVER_NAME": _HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, text in scope["headers"]:
        key = name.decode().upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = text.decode("latin-1")
    started: list[tuple[str, Any]] = []
    parts: list[bytes] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info is not None and parts:
            raise exc_info[1].with_traceback(exc_info[2])
        started[:] = [(status, headers)]
        return parts.append

    found = app(environ, start_response)
    try:
        parts.extend(found)
    finally:
        if hasattr(found, "close"):
            found.close()
    status, headers = started[0]
    pairs = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers]
    return Response(int(status.split(" ", 1)[0]), _joined(pairs), b"".join(parts))


def _joined(pairs: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in pairs:
        key, value = bytes(name).decode("latin-1").lower(), bytes(text).decode("latin-1")
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


class _Lifespan:
    """The start and the end of an application that has them."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.ensure_future(self._run())
        self._told.put_nowait({"type": "lifespan.startup"})
        answer = await self._answers.get()
        if answer["type"] == "lifespan.startup.failed":
            raise RuntimeError(answer.get("message") or "the application's start failed")

    async def finish(self) -> None:
        if self._task is None or self._task.done():
            return
        self._told.put_nowait({"type": "lifespan.shutdown"})
        answer = await self._answers.get()
        await self._task
        if answer["type"] == "lifespan.shutdown.failed":
            raise RuntimeError(answer.get("message") or "the application's end failed")

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        # One without `lifespan` raises at once, or just returns.
        with contextlib.suppress(Exception):
            await self._app(scope, self._told.get, self._answers.put)
        self._answers.put_nowait({"type": "lifespan.startup.complete"})


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
