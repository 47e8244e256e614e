"""httpx: every request that a client hands to a transport, be it real, mock, ASGI or WSGI."""

from __future__ import annotations

from types import FrameType, ModuleType
from typing import Any

from enctest.tracing.hooks.calls import Calls, argument
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import client_failed, client_request
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument httpx."""

    def begin(
        _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        request = argument(args, kwargs, 0, "request")
        name, attributes = client_request(str(request.method), str(request.url))
        recorder.call_site(frame, attributes)
        return recorder.start(name, "client", attributes)

    def finish(_client: Any, span: OpenSpan, response: Any) -> None:
        status = int(response.status_code)
        recorder.end(span, "error" if client_failed(status) else "ok", {"http.response.status_code": status})

    calls = Calls(recorder, "httpx", begin, finish)
    patches.wrap(module.Client, "_send_single_request", calls.sync)
    patches.wrap(module.AsyncClient, "_send_single_request", calls.coroutine)
