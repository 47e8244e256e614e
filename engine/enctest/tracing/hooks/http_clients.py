"""requests, urllib3 and urllib.request: outgoing requests, one span each however they are layered."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from enctest.events import Attributes
from enctest.tracing.hooks.calls import Calls, argument
from enctest.tracing.hooks.messages import body, headers
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import client_failed, client_request, inside_client
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook_requests(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument requests, where also its mock libraries pass."""

    def begin(
        _session: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        request = argument(args, kwargs, 0, "request")
        return _start(recorder, str(request.method), str(request.url), frame, request.headers, request.body)

    def content(response: Any) -> Any:
        return vars(response).get("_content")

    calls = Calls(recorder, "requests", begin, _finish(recorder, "status_code", content))
    patches.wrap(module.Session, "send", calls.sync)


def hook_urllib3(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument urllib3; below requests it stays quiet."""

    def begin(pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> OpenSpan | None:
        if inside_client():
            return None
        method, path = argument(args, kwargs, 0, "method"), argument(args, kwargs, 1, "url")
        port = f":{pool.port}" if pool.port else ""
        sent = argument(args, kwargs, 3, "headers") or pool.headers
        url = f"{pool.scheme}://{pool.host}{port}{path}"
        return _start(recorder, str(method), url, frame, sent, argument(args, kwargs, 2, "body"))

    def content(response: Any) -> Any:
        return getattr(response, "_body", None)

    calls = Calls(recorder, "urllib3", begin, _finish(recorder, "status", content))
    patches.wrap(module.HTTPConnectionPool, "urlopen", calls.sync)


def hook_urllib(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument urllib.request for http and https; what is read from a response later is not seen."""

    def begin(
        _opener: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        target = argument(args, kwargs, 0, "fullurl")
        url = target if isinstance(target, str) else target.full_url
        if not url.lower().startswith(("http:", "https:")) or inside_client():
            return None
        data = argument(args, kwargs, 1, "data")
        if isinstance(target, str):
            return _start(recorder, "GET" if data is None else "POST", url, frame, {}, data)
        sent = dict(target.header_items())
        return _start(
            recorder, target.get_method(), url, frame, sent, data if data is not None else target.data
        )

    calls = Calls(recorder, "urllib", begin, _finish(recorder, "status", lambda _response: None))
    patches.wrap(module.OpenerDirector, "open", calls.sync)


def _start(
    recorder: TraceRecorder, method: str, url: str, frame: FrameType, sent: Any, content: Any
) -> OpenSpan | None:
    name, attributes = client_request(method, url)
    attributes |= headers("request", sent.items())
    attributes |= body("request", content, _header(sent, "Content-Type"), _header(sent, "Content-Encoding"))
    recorder.call_site(frame, attributes)
    return recorder.start(name, "client", attributes)


def _finish(recorder: TraceRecorder, attribute: str, content: Callable[[Any], Any]) -> Any:
    def finish(_first: Any, span: OpenSpan, response: Any) -> None:
        status = int(getattr(response, attribute, 0) or 0)
        attributes: Attributes = {"http.response.status_code": status}
        got = getattr(response, "headers", None)
        if got is not None:
            attributes |= headers("response", got.items())
            attributes |= body("response", content(response), _header(got, "Content-Type"))
        recorder.end(span, "error" if client_failed(status) else "ok", attributes)

    return finish


def _header(pairs: Any, name: str) -> str | None:
    """Return a header from a mapping that may heed upper and lower case (urllib writes `Content-type`)."""
    for spelling in (name, name.capitalize(), name.lower()):
        value = pairs.get(spelling)
        if value is not None:
            return value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return None
