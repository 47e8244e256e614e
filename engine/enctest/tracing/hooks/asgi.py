"""ASGI: every request that an application serves, whoever calls it (uvicorn, httpx, a test client)."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from enctest.tracing.hooks.messages import Collected, headers, is_text
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import server_failed, server_request, serving
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument Starlette's application class, which FastAPI's derives from."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
            __tracebackhide__ = True
            await serve(recorder, original.__get__(self), scope, receive, send)

        return call

    patches.wrap(module.Starlette, "__call__", make)


def hook_uvicorn(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument what uvicorn serves, of whatever framework."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def load(self: Any) -> None:
            __tracebackhide__ = True
            original(self)
            inner = self.loaded_app

            async def app(scope: Any, receive: Any, send: Any) -> None:
                __tracebackhide__ = True
                await serve(recorder, inner, scope, receive, send)

            self.loaded_app = app

        return load

    patches.wrap(module.Config, "load", make)


async def serve(recorder: TraceRecorder, app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Call an application within the span of the request; an application within another adds to its span."""
    __tracebackhide__ = True
    if not recorder.active or scope.get("type") != "http":
        await app(scope, receive, send)
        return
    above = serving()
    if above is not None:
        try:
            await app(scope, receive, send)
        finally:
            _name(above, scope)
        return
    request = _Request(recorder, scope)
    try:
        await app(scope, request.receiving(receive), request.sending(send))
    except BaseException as error:
        request.end(error)
        raise
    request.end()


class _Request:
    """A request under way: what passes between server and application."""

    def __init__(self, recorder: TraceRecorder, scope: Any) -> None:
        self._recorder = recorder
        self._scope = scope
        self._request, self._response = Collected("request"), Collected("response")
        self._types: dict[str, str] = {}
        self._answer: dict[str, str] = {}
        self.span = self._start()

    def _start(self) -> OpenSpan | None:
        scope = self._scope
        query = scope.get("query_string", b"").decode("latin-1")
        path = str(scope.get("root_path", "")) + str(scope.get("path", ""))
        if scope.get("root_path") and str(scope.get("path", "")).startswith(str(scope["root_path"])):
            path = str(scope["path"])  # servers of today leave the prefix in
        name, attributes = server_request(str(scope.get("method", "")), path, query)
        pairs = list(scope.get("headers", ()))
        attributes |= headers("request", pairs)
        self._types = _of_body(pairs)
        return self._recorder.start(name, "server", attributes)

    def receiving(self, receive: Callable[[], Any]) -> Callable[[], Any]:
        if not is_text(self._types.get("content-type")):
            return receive  # nothing to be kept of it: let it pass

        async def received() -> Any:
            message = await receive()
            if message.get("type") == "http.request":
                self._request.add(message.get("body"))
            return message

        return received

    def sending(self, send: Callable[[Any], Any]) -> Callable[[Any], Any]:
        span = self.span
        if span is None:
            return send

        async def sent(message: Any) -> None:
            if message.get("type") == "http.response.start":
                span.attributes["http.response.status_code"] = message["status"]
                pairs = list(message.get("headers", ()))
                span.attributes.update(headers("response", pairs))
                self._answer = _of_body(pairs)
            elif message.get("type") == "http.response.body":
                self._response.add(message.get("body"))
            await send(message)

        return sent

    def end(self, error: BaseException | None = None) -> None:
        span = self.span
        if span is None:
            return
        _name(span, self._scope)
        for collected, kinds in ((self._request, self._types), (self._response, self._answer)):
            found = collected.attributes(kinds.get("content-type"), kinds.get("content-encoding"))
            span.attributes.update(found)
        if error is not None:
            self._recorder.fail(span, error)
            return
        status = span.attributes.get("http.response.status_code", 0)
        self._recorder.end(span, "error" if server_failed(status) else "ok")


def _of_body(pairs: list[Any]) -> dict[str, str]:
    """Return the headers that tell what a body is."""
    wanted = {b"content-type": "content-type", b"content-encoding": "content-encoding"}
    return {
        wanted[bytes(name).lower()]: bytes(value).decode("latin-1")
        for name, value in pairs
        if bytes(name).lower() in wanted
    }


def _name(span: OpenSpan, scope: Any) -> None:
    """Add the route that was taken, which only the router knew."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        span.attributes["http.route"] = path
