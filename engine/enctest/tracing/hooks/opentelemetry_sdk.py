"""OpenTelemetry's SDK: the application's own spans, from whatever provider, seen where they start and end.

Nothing is added to any provider: its processors, exporters, sampler and ids stay the application's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from enctest.events import Attributes, SpanStatus
from enctest.tracing.hooks.opentelemetry_api import OURS, end_foreign, kind_of, start_foreign
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.model import NAME
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import CURRENT, OpenSpan
from enctest.tracing.twins import INSTRUMENTATIONS


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
        self._look = self._refresh  # one method, not a new one for each span
        self._unset, self._error = library.StatusCode.UNSET, library.StatusCode.ERROR

    def start(self, original: Callable[..., Any]) -> Callable[..., Any]:
        recorder, begin = self._recorder, self._begin

        def start(self_: Any, start_time: Any = None, parent_context: Any = None) -> None:
            __tracebackhide__ = True
            innermost = recorder.innermost
            if innermost is not None and getattr(self_, OURS, None) is None:
                try:
                    begin(self_, parent_context, innermost)
                except Exception as error:  # noqa: BLE001 - capture must not break what it watches
                    recorder.complain("opentelemetry", error)
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
        recorder, finish = self._recorder, self._finish

        def end(self_: Any, end_time: Any = None) -> None:
            __tracebackhide__ = True
            ours = getattr(self_, OURS, None)
            if ours is not None and not ours.end_ns:
                try:
                    finish(self_, ours)
                except Exception as error:  # noqa: BLE001 - as above
                    recorder.complain("opentelemetry", error)
            original(self_, end_time)

        return end

    def _begin(self, span: Any, parent_context: Any, innermost: OpenSpan) -> None:
        recorder, scope = self._recorder, span.instrumentation_scope
        name = scope.name if scope is not None else ""
        parent = self._parent(span, parent_context, innermost)
        if name.startswith(INSTRUMENTATIONS):
            attributes = _attributes(span, name)
            ours = start_foreign(recorder, span.name, kind_of(span.kind, attributes), attributes, parent)
        elif parent is not None and not innermost.trace.instrumented and parent.phase is innermost.phase:
            ours = recorder.open(parent, span.name, kind_of(span.kind, _held(span)))
        else:
            kind = kind_of(span.kind, _held(span))
            ours = recorder.start(span.name, kind, {}, parent=parent, current=False)
        if ours is None:
            return
        setattr(span, OURS, ours)
        span_id, trace = span.context.span_id, ours.trace
        trace.open_foreign[span_id] = ours
        if recorder.listening:
            trace.foreign[span_id] = ours.number
        if ours.into is None:  # what it holds is looked at when it is sent, and at its end
            ours.theirs, ours.refresh = span, self._look

    def _parent(self, span: Any, parent_context: Any, innermost: OpenSpan) -> OpenSpan | None:
        """Return our span that is the parent; None to let the recorder look for it, at more cost."""
        if parent_context is not None:
            found: OpenSpan | None = getattr(
                self._library.trace_api.get_current_span(parent_context), OURS, None
            )
            return found
        best, parent = CURRENT.get(), span.parent
        if best is not None and best.phase is not innermost.phase:
            best = None
        if parent is not None:
            theirs = innermost.trace.open_foreign.get(parent.span_id)
            if theirs is not None and theirs.phase is innermost.phase:
                best = theirs if best is None or best.number < theirs.number else best
        return best if best is not None and best.number >= innermost.number else None

    def _finish(self, span: Any, ours: OpenSpan) -> None:
        trace = ours.trace
        trace.open_foreign.pop(span.context.span_id, None)
        ours.refresh = ours.theirs = None  # ours does not hold theirs: it is kept until it is sent
        status, scope = span.status, span.instrumentation_scope
        attributes = _attributes(span, scope.name if scope is not None else "")
        if status.description:
            attributes["otel.status_description"] = status.description
        if span.name != ours.name:
            attributes[NAME] = span.name
        code = status.status_code
        told: SpanStatus = "unset" if code is self._unset else "error" if code is self._error else "ok"
        if ours.into is None and ours.beside is None and not trace.instrumented:
            self._recorder.close(ours, told, attributes)
        else:
            end_foreign(self._recorder, ours, told, attributes)

    def _refresh(self, ours: OpenSpan) -> None:
        """Take over what was set since the start: many instrumentations set everything after it."""
        span = ours.theirs
        try:
            if span is not None:
                scope = span.instrumentation_scope
                ours.attributes.update(_attributes(span, scope.name if scope is not None else ""))
                ours.kind, ours.name = kind_of(span.kind, ours.attributes), span.name
        except Exception as error:  # noqa: BLE001 - as above
            self._recorder.complain("opentelemetry", error)


def _held(span: Any) -> Mapping[str, Any]:
    """Return what a span holds, not to be changed, past the SDK's slow mapping where that is known."""
    plain = getattr(getattr(span, "_attributes", None), "_dict", None)
    return plain if type(plain) is dict else dict(span.attributes or {})


def _attributes(span: Any, scope: str) -> Attributes:
    """Return a copy of what a span holds, and the name of its scope."""
    return {**_held(span), "otel.scope.name": scope}
