"""OpenTelemetry's SDK: the application's own spans, from whatever provider, seen where they start and end.

Nothing is added to any provider: its processors, exporters, sampler and ids stay the application's.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from enctest.events import Attributes, SpanStatus
from enctest.tracing.hooks.opentelemetry_api import OURS, end_foreign, kind_of, start_foreign
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Watch the SDK's spans."""
    library: Any = module
    watch = _Watch(library, recorder)
    patches.wrap(library.Span, "start", watch.start)
    patches.wrap(library.Span, "add_event", watch.event)
    patches.wrap(library.Span, "end", watch.end)


class _Watch:
    """Makes the functions that stand in for those of the SDK's spans."""

    def __init__(self, library: Any, recorder: TraceRecorder) -> None:
        self._library = library
        self._recorder = recorder

    def start(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def start(self_: Any, start_time: Any = None, parent_context: Any = None) -> None:
            __tracebackhide__ = True
            if self._recorder.active and getattr(self_, OURS, None) is None:
                self._guard(self._begin, self_, parent_context)
            original(self_, start_time, parent_context)

        return start

    def event(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def add_event(self_: Any, name: str, attributes: Any = None, timestamp: Any = None) -> None:
            __tracebackhide__ = True
            original(self_, name, attributes, timestamp)
            ours = getattr(self_, OURS, None)
            if ours is not None and not ours.end_ns:
                self._recorder.event(str(name), dict(attributes or {}), span=ours)

        return add_event

    def end(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def end(self_: Any, end_time: Any = None) -> None:
            __tracebackhide__ = True
            ours = getattr(self_, OURS, None)
            if ours is not None and not ours.end_ns:
                self._guard(self._finish, self_, ours)
            original(self_, end_time)

        return end

    def _begin(self, span: Any, parent_context: Any) -> None:
        parent = None
        if parent_context is not None:
            parent = getattr(self._library.trace_api.get_current_span(parent_context), OURS, None)
        attributes: Attributes = dict(span.attributes or {})
        scope = getattr(span.instrumentation_scope, "name", "")
        attributes["otel.scope.name"] = scope
        ours = start_foreign(self._recorder, span.name, kind_of(span.kind, attributes), attributes, parent)
        if ours is not None:
            vars(span)[OURS] = ours
            ours.trace.foreign[f"{span.context.span_id:016x}"] = ours.number
        if ours is not None and ours.into is None:
            ours.refresh = lambda: self._guard(_refresh, span, ours)

    def _finish(self, span: Any, ours: OpenSpan) -> None:
        attributes: Attributes = dict(span.attributes or {})
        ours.refresh = None
        if span.name != ours.name:
            attributes["enctest.name"] = span.name
        if span.status.description:
            attributes["otel.status_description"] = span.status.description
        status: SpanStatus = span.status.status_code.name.lower()
        end_foreign(self._recorder, ours, status, attributes)

    def _guard(self, function: Callable[..., None], *args: Any) -> None:
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - capture must not break what it watches
            self._recorder.complain("opentelemetry", error)


def _refresh(span: Any, ours: OpenSpan) -> None:
    """Take over what was set since the start: many instrumentations set everything after it."""
    ours.name = span.name
    ours.attributes.update(span.attributes or {})
    ours.kind = kind_of(span.kind, ours.attributes)
