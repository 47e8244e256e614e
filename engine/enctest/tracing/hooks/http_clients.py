"""requests, urllib3 and urllib.request: outgoing requests, one span each however they are layered."""

from __future__ import annotations

from types import FrameType, ModuleType
from typing import Any

from enctest.tracing.hooks.calls import Calls, argument
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import client_failed, client_request
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan, current


def hook_requests(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument requests, where also its mock libraries pass."""

    def begin(
        _session: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        request = argument(args, kwargs, 0, "request")
        return _start(recorder, str(request.method), str(request.url), frame)

    calls = Calls(recorder, "requests", begin, _finish(recorder, "status_code"))
    patches.wrap(module.Session, "send", calls.sync)


def hook_urllib3(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument urllib3; below requests it stays quiet."""

    def begin(pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> OpenSpan | None:
        if _inside_client():
            return None
        method, path = argument(args, kwargs, 0, "method"), argument(args, kwargs, 1, "url")
        port = f":{pool.port}" if pool.port else ""
        return _start(recorder, str(method), f"{pool.scheme}://{pool.host}{port}{path}", frame)

    calls = Calls(recorder, "urllib3", begin, _finish(recorder, "status"))
    patches.wrap(module.HTTPConnectionPool, "urlopen", calls.sync)


def hook_urllib(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument urllib.request for http and https."""

    def begin(
        _opener: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
    ) -> OpenSpan | None:
        target = argument(args, kwargs, 0, "fullurl")
        url = target if isinstance(target, str) else target.full_url
        if not url.lower().startswith(("http:", "https:")) or _inside_client():
            return None
        data = argument(args, kwargs, 1, "data")
        method = ("GET" if data is None else "POST") if isinstance(target, str) else target.get_method()
        return _start(recorder, method, url, frame)

    calls = Calls(recorder, "urllib", begin, _finish(recorder, "status"))
    patches.wrap(module.OpenerDirector, "open", calls.sync)


def _start(recorder: TraceRecorder, method: str, url: str, frame: FrameType) -> OpenSpan | None:
    name, attributes = client_request(method, url)
    recorder.call_site(frame, attributes)
    return recorder.start(name, "client", attributes)


def _finish(recorder: TraceRecorder, attribute: str) -> Any:
    def finish(_first: Any, span: OpenSpan, response: Any) -> None:
        status = int(getattr(response, attribute, 0) or 0)
        recorder.end(span, "error" if client_failed(status) else "ok", {"http.response.status_code": status})

    return finish


def _inside_client() -> bool:
    above = current()
    return above is not None and above.kind == "client" and not above.end_ns
