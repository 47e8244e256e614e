"""aiohttp's server: every request that an application serves."""

from __future__ import annotations

from types import FrameType, ModuleType
from typing import Any

from enctest.tracing.hooks.calls import Calls, argument
from enctest.tracing.hooks.messages import body, headers
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import server_failed, server_request
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument `aiohttp.web_app`."""
    requests: dict[OpenSpan, Any] = {}

    def begin(_app: Any, args: tuple[Any, ...], kwargs: dict[str, Any], _frame: FrameType) -> OpenSpan | None:
        request = argument(args, kwargs, 0, "request")
        name, attributes = server_request(request.method, request.path, request.query_string)
        attributes |= headers("request", request.headers.items())
        span = recorder.start(name, "server", attributes)
        if span is not None:
            requests[span] = request
        return span

    def finish(_app: Any, span: OpenSpan, response: Any) -> None:
        add(span)
        status = int(response.status)
        span.attributes["http.response.status_code"] = status
        span.attributes.update(headers("response", response.headers.items()))
        content = getattr(response, "body", None)
        span.attributes.update(body("response", content, response.headers.get("Content-Type")))
        recorder.end(span, "error" if server_failed(status) else "ok")

    def fail(span: OpenSpan | None, error: BaseException) -> None:
        if span is None:
            return
        add(span)
        status = getattr(error, "status", 0)  # an answer that was raised: `raise web.HTTPNotFound`
        if isinstance(status, int) and status and hasattr(error, "headers"):
            finish(None, span, error)
        else:
            recorder.fail(span, error)

    def add(span: OpenSpan) -> None:
        """Add what only the router and the handler knew."""
        request = requests.pop(span, None)
        if request is None:
            return
        resource = getattr(getattr(request.match_info, "route", None), "resource", None)
        route = getattr(resource, "canonical", None)
        if route:
            span.attributes["http.route"] = str(route)
        content = getattr(request, "_read_bytes", None)  # set once the handler has read it
        span.attributes.update(body("request", content, request.headers.get("Content-Type")))

    calls = Calls(recorder, "aiohttp", begin, finish, fail)
    patches.wrap(module.Application, "_handle", calls.coroutine)
