"""aiohttp's client: one span for each call of a session, redirects included."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from enctest.events import Attributes
from enctest.tracing.hooks.calls import Calls, argument
from enctest.tracing.hooks.messages import body, headers
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import client_failed, client_request
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument `aiohttp.client`."""
    spans = _Spans(recorder)
    calls = Calls(recorder, "aiohttp", spans.begin, spans.finish)
    patches.wrap(module.ClientSession, "_request", calls.coroutine)
    patches.wrap(module.ClientResponse, "read", spans.reading)


class _Spans:
    """Opens and closes the spans of requests, and adds the body once it has been read."""

    def __init__(self, recorder: TraceRecorder) -> None:
        self._recorder = recorder
        self._unread: weakref.WeakKeyDictionary[Any, OpenSpan] = weakref.WeakKeyDictionary()

    def begin(
        self, session: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        method = str(argument(args, kwargs, 0, "method"))
        build = getattr(session, "_build_url", lambda url: url)  # private: joins it to the base URL
        name, attributes = client_request(method, str(build(argument(args, kwargs, 1, "str_or_url"))))
        attributes |= _asked(kwargs)
        self._recorder.call_site(frame, attributes)
        return self._recorder.start(name, "client", attributes)

    def finish(self, _session: Any, span: OpenSpan, response: Any) -> None:
        status = int(response.status)
        attributes: Attributes = {"http.response.status_code": status}
        attributes |= headers("request", response.request_info.headers.items())
        attributes |= headers("response", response.headers.items())
        self._recorder.end(span, "error" if client_failed(status) else "ok", attributes)
        self._unread[response] = span

    def reading(self, original: Callable[..., Any]) -> Callable[..., Any]:
        async def read(response: Any) -> Any:
            __tracebackhide__ = True
            content = await original(response)
            span = self._unread.pop(response, None)
            if span is not None:
                found = body("response", content, response.headers.get("Content-Type"))
                self._recorder.amend(span, found)
            return content

        return read


def _asked(options: dict[str, Any]) -> Attributes:
    """Return what is known of the request's body before it is made: JSON, a text, or fields of a form."""
    given = options.get("json")
    if given is not None:
        try:
            text = json.dumps(given, default=lambda value: f"<{type(value).__name__}>")
        except (TypeError, ValueError):  # the session is about to say so
            return {}
        return body("request", text, "application/json")
    data = options.get("data")
    if isinstance(data, dict) and all(isinstance(value, (str, int, float)) for value in data.values()):
        text = "&".join(f"{name}={value}" for name, value in data.items())
        return body("request", text, "application/x-www-form-urlencoded")
    return body("request", data, "text/plain" if isinstance(data, str) else None)
