"""Applications of WSGI as services."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Any
from urllib.parse import unquote

from enctest.services.web import HOST, Response, Sent, WebService, joined


class WsgiService(WebService):
    """An application of Flask, Django or another with WSGI; made by `Service.from_wsgi`."""

    def _ask(self, sent: Sent) -> Response:
        return _answer(type(self).app, sent)

    async def _aask(self, sent: Sent) -> Response:
        return await asyncio.to_thread(_answer, type(self).app, sent)


def _answer(app: Any, sent: Sent) -> Response:
    environ = _environ(sent)
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
    return Response(int(status.split(" ", 1)[0]), joined(headers), b"".join(parts))


def _environ(sent: Sent) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(sent.path).encode().decode("latin-1"),
        "QUERY_STRING": sent.query,
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(sent.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, text in sent.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = text
    return environ
