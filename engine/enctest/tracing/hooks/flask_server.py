"""Flask: every request that an application serves."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import server_failed, server_request
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument Flask's application class."""
    library: Any = module

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, environ: Any, start_response: Any) -> Any:
            __tracebackhide__ = True
            if not recorder.active:
                return original(self, environ, start_response)
            name, attributes = server_request(
                str(environ.get("REQUEST_METHOD", "")),
                str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", "")),
                str(environ.get("QUERY_STRING", "")),
            )
            span = recorder.start(name, "server", attributes)
            try:
                answer = original(self, environ, _watch(library, start_response, span))
            except BaseException as error:
                recorder.fail(span, error)
                raise
            status = attributes.get("http.response.status_code", 0)
            recorder.end(span, "error" if server_failed(status) else "ok")
            return answer

        return call

    patches.wrap(library.Flask, "__call__", make)


def _watch(library: Any, start_response: Callable[..., Any], span: OpenSpan | None) -> Callable[..., Any]:
    """Note the status, and the route while the request is still in context."""

    def starting(status: str, *args: Any, **kwargs: Any) -> Any:
        if span is not None:
            code = status[:3]
            if code.isdigit():
                span.attributes["http.response.status_code"] = int(code)
            rule = getattr(library.request, "url_rule", None) if library.has_request_context() else None
            if rule is not None:
                span.attributes["http.route"] = str(rule.rule)
        return start_response(status, *args, **kwargs)

    return starting
