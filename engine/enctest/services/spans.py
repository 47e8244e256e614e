"""Spans of what services do: into the trace of the test that runs, else into the application's own traces."""

from __future__ import annotations

import sys
from typing import Any


class _Nobody:
    """Stands for the recorder of a test's spans where none is at work."""

    active = False


RECORDER: Any = _Nobody()
"""Takes spans while tests are recorded; set by the hook for this module in `enctest.tracing`."""


def wanted() -> bool:
    """Tell whether a span would be seen by anybody."""
    return RECORDER.active or _provider() is not None


def begin(name: str, kind: str, attributes: dict[str, Any], *, beside: bool = False) -> Any:
    """Open a span that is current until its end; None where nobody would see it.

    Args:
        name: What is done.
        kind: Its kind.
        attributes: What else is known.
        beside: In a test: it is done for others, too, and does not count there; it is `internal`.
    """
    if RECORDER.active:
        RECORDER.call_site(sys._getframe(1), attributes)  # noqa: SLF001 - `inspect` would read source files
        if beside:
            from enctest.tracing.beside import start_beside

            return start_beside(RECORDER, name, attributes)
        return RECORDER.start(name, kind, attributes)
    if _provider() is None:
        return None
    from opentelemetry import context, trace

    plain = {key: value for key, value in attributes.items() if isinstance(value, str | bool | int | float)}
    kinds = trace.SpanKind
    span = trace.get_tracer("enctest").start_span(
        name, kind=getattr(kinds, kind.upper(), kinds.INTERNAL), attributes=plain
    )
    return _Own(span, context.attach(trace.set_span_in_context(span)))


def end(span: Any, attributes: dict[str, Any] | None = None) -> None:
    """Close a span."""
    if span is None:
        return
    if isinstance(span, _Own):
        span.end(attributes)
    else:
        RECORDER.end(span, "ok", attributes)


def fail(span: Any, error: BaseException) -> None:
    """Close a span that an exception left."""
    if span is None:
        return
    if isinstance(span, _Own):
        span.fail(error)
    else:
        RECORDER.fail(span, error)


def note(name: str, attributes: dict[str, Any]) -> None:
    """Tell something that happened within the current span of the test."""
    if RECORDER.active:
        RECORDER.event(name, attributes)


def hide(secret: str) -> None:
    """Leave a text out of everything that is recorded from now on."""
    if not isinstance(RECORDER, _Nobody):
        RECORDER.hide(secret)


class _Own:
    """A span of the application's OpenTelemetry provider."""

    def __init__(self, span: Any, token: Any) -> None:
        self._span = span
        self._token = token

    def end(self, attributes: dict[str, Any] | None) -> None:
        for key, value in (attributes or {}).items():
            if isinstance(value, str | bool | int | float):
                self._span.set_attribute(key, value)
        self._finish()

    def fail(self, error: BaseException) -> None:
        from opentelemetry.trace import Status, StatusCode

        if isinstance(error, Exception):
            self._span.record_exception(error)
            self._span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        self._finish()

    def _finish(self) -> None:
        from opentelemetry import context

        context.detach(self._token)
        self._span.end()


def _provider() -> Any:
    """Return OpenTelemetry's provider if the application has set one; asking by function could set one."""
    module = sys.modules.get("opentelemetry.trace")
    return None if module is None else getattr(module, "_TRACER_PROVIDER", None)
