"""httpx: every request that a client hands to a transport, be it real, mock, ASGI or WSGI."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from enctest.tracing.hooks.calls import Calls, argument
from enctest.tracing.hooks.messages import body, headers
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import client_failed, client_request
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument httpx."""
    spans = _Spans(recorder)
    calls = Calls(recorder, "httpx", spans.begin, spans.finish)
    patches.wrap(module.Client, "_send_single_request", calls.sync)
    patches.wrap(module.AsyncClient, "_send_single_request", calls.coroutine)
    patches.wrap(module.Response, "read", spans.reading)
    patches.wrap(module.Response, "aread", spans.reading_async)


class _Spans:
    """Opens and closes the spans of requests, and adds the body once it has been read."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self._recorder = recorder
        self._unread: weakref.WeakKeyDictionary[Any, OpenSpan] = weakref.WeakKeyDictionary()

    def begin(
        self, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        request = argument(args, kwargs, 0, "request")
        name, attributes = client_request(str(request.method), str(request.url))
        attributes |= headers("request", request.headers.multi_items())
        attributes |= body(
            "request",
            getattr(request, "_content", None),
            request.headers.get("content-type"),
            request.headers.get("content-encoding"),
        )
        self._recorder.call_site(frame, attributes)
        return self._recorder.start(name, "client", attributes)

    def finish(self, _client: Any, span: OpenSpan, response: Any) -> None:
        status = int(response.status_code)
        attributes = {"http.response.status_code": status}
        attributes |= headers("response", response.headers.multi_items())
        self._recorder.end(span, "error" if client_failed(status) else "ok", attributes)
        if hasattr(response, "_content"):
            self._add_body(span, response)
        else:
            self._unread[response] = span

    def reading(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def read(response: Any) -> Any:
            __tracebackhide__ = True
            content = original(response)
            self._was_read(response)
            return content

        return read

    def reading_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        async def aread(response: Any) -> Any:
            __tracebackhide__ = True
            content = await original(response)
            self._was_read(response)
            return content

        return aread

    def _was_read(self, response: Any) -> None:
        span = self._unread.pop(response, None)
        if span is not None:
            self._add_body(span, response)

    def _add_body(self, span: OpenSpan, response: Any) -> None:
        content = vars(response).get("_content")  # unpacked already
        attributes = body("response", content, response.headers.get("content-type"))
        self._recorder.amend(span, attributes)
