"""WSGI: every request that an application serves, under Flask or whatever calls it (wsgiref, httpx)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from enctest.events import Attributes
from enctest.tracing.hooks.messages import Side, body, headers
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.hooks.web import server_failed, server_request, serving
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook_wsgiref(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument what wsgiref's handlers run, Django's development server among them."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: Any, application: Any) -> Any:
            __tracebackhide__ = True

            def app(environ: Any, start_response: Any) -> Any:
                __tracebackhide__ = True
                return serve(recorder, application, environ, start_response)

            return original(self, app)

        return run

    patches.wrap(module.BaseHandler, "run", make)


def hook_flask(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Instrument Flask's application class."""
    library: Any = module

    def make_call(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, environ: Any, start_response: Any) -> Any:
            __tracebackhide__ = True
            return serve(recorder, original.__get__(self), environ, start_response)

        return call

    def make_finish(original: Callable[..., Any]) -> Callable[..., Any]:
        def process_response(self: Any, response: Any) -> Any:
            __tracebackhide__ = True
            answer = original(self, response)
            span = serving() if recorder.active else None
            if span is not None:
                rule = library.request.url_rule
                if rule is not None:
                    span.attributes["http.route"] = str(rule.rule)
                span.attributes.update(whole("response", answer))
            return answer

        return process_response

    patches.wrap(library.Flask, "__call__", make_call)
    patches.wrap(library.Flask, "process_response", make_finish)


def serve(recorder: TraceRecorder, app: Any, environ: Any, start_response: Any) -> Any:
    """Call an application within the span of the request; an application within another adds to its span."""
    __tracebackhide__ = True
    if not recorder.active or serving() is not None:
        return app(environ, start_response)
    span = _start(recorder, environ)
    try:
        answer = app(environ, _watch(start_response, span))
    except BaseException as error:
        recorder.fail(span, error)
        raise
    if span is None:
        return answer
    status = span.attributes.get("http.response.status_code", 0)
    if isinstance(answer, list) and "http.response.body.size" not in span.attributes:
        kind = span.attributes.get("http.response.header.content-type", [None])[0]
        span.attributes.update(body("response", b"".join(answer), kind))
    recorder.end(span, "error" if server_failed(status) else "ok")
    return answer


def whole(side: Side, response: Any) -> Attributes:
    """Return what is known of a response object of Werkzeug's or Django's, unless it is streamed."""
    streamed = getattr(response, "is_streamed", False) or getattr(response, "streaming", False)
    if streamed or getattr(response, "direct_passthrough", False):
        return {}
    content = response.get_data() if hasattr(response, "get_data") else response.content
    get = response.headers.get
    return body(side, content, get("Content-Type"), get("Content-Encoding"))


def _start(recorder: TraceRecorder, environ: Any) -> OpenSpan | None:
    name, attributes = server_request(
        str(environ.get("REQUEST_METHOD", "")),
        str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", "")),
        str(environ.get("QUERY_STRING", "")),
    )
    attributes |= headers("request", sent_headers(environ))
    stream = environ.get("wsgi.input")
    if isinstance(stream, io.BytesIO):  # a test client's; what a socket brings can be read only once
        content = bytes(stream.getbuffer()[stream.tell() :])
        attributes |= body("request", content, environ.get("CONTENT_TYPE"))
    return recorder.start(name, "server", attributes)


def sent_headers(environ: Any) -> Iterator[tuple[str, str]]:
    """Yield the request's headers out of CGI's variables."""
    for name, value in environ.items():
        if not isinstance(value, str) or not value:
            continue
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-"), value
        elif name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            yield name.replace("_", "-"), value


def _watch(start_response: Callable[..., Any], span: OpenSpan | None) -> Callable[..., Any]:
    """Note status and headers."""

    def starting(status: str, pairs: Any, *args: Any, **kwargs: Any) -> Any:
        if span is not None:
            if status[:3].isdigit():
                span.attributes["http.response.status_code"] = int(status[:3])
            span.attributes.update(headers("response", pairs))
        return start_response(status, pairs, *args, **kwargs)

    return starting
