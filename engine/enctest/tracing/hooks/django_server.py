"""Django: every request that its handlers answer, those of the test client included."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from enctest.tracing.hooks.messages import body, headers
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import server_failed, server_request, serving
from enctest.tracing.hooks.wsgi import whole
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument the base of Django's handlers, beneath any server of whose span we know already."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def get_response(self: Any, request: Any) -> Any:
            __tracebackhide__ = True
            above = serving()
            span = above or _start(recorder, request)
            if span is None:
                return original(self, request)
            try:
                response = original(self, request)
            except BaseException as error:
                recorder.fail(None if above else span, error)
                raise
            _add(recorder, span, request, response, end=above is None)
            return response

        return get_response

    def make_async(original: Callable[..., Any]) -> Callable[..., Any]:
        async def get_response_async(self: Any, request: Any) -> Any:
            __tracebackhide__ = True
            above = serving()
            span = above or _start(recorder, request)
            if span is None:
                return await original(self, request)
            try:
                response = await original(self, request)
            except BaseException as error:
                recorder.fail(None if above else span, error)
                raise
            _add(recorder, span, request, response, end=above is None)
            return response

        return get_response_async

    patches.wrap(module.BaseHandler, "get_response", make)
    patches.wrap(module.BaseHandler, "get_response_async", make_async)


def _start(recorder: TraceRecorder, request: Any) -> OpenSpan | None:
    if not recorder.active:
        return None
    name, attributes = server_request(
        str(request.method), str(request.path), str(request.META.get("QUERY_STRING", ""))
    )
    attributes |= headers("request", request.headers.items())
    return recorder.start(name, "server", attributes)


def _add(recorder: TraceRecorder, span: OpenSpan, request: Any, response: Any, *, end: bool) -> None:
    """Add what the answer tells, and what the router knew."""
    try:
        match = getattr(request, "resolver_match", None)
        if match is not None and getattr(match, "route", None):
            span.attributes["http.route"] = f"/{match.route}"
        content = getattr(request, "_body", None)  # set once a view has read it
        span.attributes.update(body("request", content, request.headers.get("Content-Type")))
        span.attributes["http.response.status_code"] = int(response.status_code)
        span.attributes.update(headers("response", response.headers.items()))
        span.attributes.update(whole("response", response))
    except Exception as error:  # noqa: BLE001 - capture must not break what it watches
        recorder.complain("django", error)
    if end:
        status = span.attributes.get("http.response.status_code", 0)
        recorder.end(span, "error" if server_failed(status) else "ok")
