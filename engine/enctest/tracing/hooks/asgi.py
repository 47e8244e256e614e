"""Starlette and FastAPI: every request that an application serves."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import server_failed, server_request
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan, current


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument Starlette's application class, which FastAPI's derives from."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
            __tracebackhide__ = True
            span = _start(recorder, scope)
            if span is None:
                await original(self, scope, receive, send)
                return
            try:
                await original(self, scope, receive, _watch(send, span))
            except BaseException as error:
                _name(span, scope)
                recorder.fail(span, error)
                raise
            _name(span, scope)
            status = span.attributes.get("http.response.status_code", 0)
            recorder.end(span, "error" if server_failed(status) else "ok")

        return call

    patches.wrap(module.Starlette, "__call__", make)


def _start(recorder: TraceRecorder, scope: Any) -> OpenSpan | None:
    """Open a span for a request; a mounted application's is its parent's."""
    if not recorder.active or scope.get("type") != "http":
        return None
    above = current()
    if above is not None and above.kind == "server" and not above.end_ns:
        return None
    query = scope.get("query_string", b"").decode("latin-1")
    name, attributes = server_request(str(scope.get("method", "")), str(scope.get("path", "")), query)
    return recorder.start(name, "server", attributes)


def _watch(send: Callable[[Any], Any], span: OpenSpan) -> Callable[[Any], Any]:
    async def sending(message: Any) -> None:
        if message.get("type") == "http.response.start":
            span.attributes["http.response.status_code"] = message["status"]
        await send(message)

    return sending


def _name(span: OpenSpan, scope: Any) -> None:
    """Add the route that was taken, which only the router knew."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        span.attributes["http.route"] = path
