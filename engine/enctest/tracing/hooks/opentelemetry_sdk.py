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
        recorder, trace = self._recorder, innermost.trace
        scope, name, theirs, parent, number = _what(span)
        above = self._parent(parent, parent_context, innermost)
        if scope.startswith(INSTRUMENTATIONS):
            attributes = _attributes(span, scope)
            ours = start_foreign(recorder, name, kind_of(theirs, attributes), attributes, above)
        elif above is not None and above.phase is innermost.phase and not trace.instrumented:
            ours = recorder.open(above, name, kind_of(theirs, _held(span)))
        else:
            kind = kind_of(theirs, _held(span))
            ours = recorder.start(name, kind, {}, parent=above, current=False)
        if ours is None:
            return
        setattr(span, OURS, ours)
        trace.open_foreign[number] = ours
        if recorder.listening:
            trace.foreign[number] = ours.number
        if ours.into is None:  # what it holds is looked at when it is sent, and at its end
            ours.theirs, ours.refresh = span, self._look

    def _parent(self, parent: Any, parent_context: Any, innermost: OpenSpan) -> OpenSpan | None:
        """Return our span that is the parent; None to let the recorder look for it, at more cost."""
        if parent_context is not None:
            found: OpenSpan | None = getattr(
                self._library.trace_api.get_current_span(parent_context), OURS, None
            )
            return found
        best = CURRENT.get()
        if best is not None and best.phase is not innermost.phase:
            best = None
        if parent is not None:
            theirs = innermost.trace.open_foreign.get(parent.span_id)
            if theirs is not None and theirs.phase is innermost.phase:
                best = theirs if best is None or best.number < theirs.number else best
        return best if best is not None and best.number >= innermost.number else None

    def _finish(self, span: Any, ours: OpenSpan) -> None:
        trace = ours.trace
        scope, name, _, _, number = _what(span)
        trace.open_foreign.pop(number, None)
        ours.refresh = ours.theirs = None  # ours does not hold theirs: it is kept until it is sent
        attributes = _attributes(span, scope)
        told: SpanStatus = "unset"
        code = _code(span)
        if code is not self._unset:
            told = "error" if code is self._error else "ok"
            if span.status.description:
                attributes["otel.status_description"] = span.status.description
        if name != ours.name:
            attributes[NAME] = name
        if ours.into is None and ours.beside is None and not trace.instrumented:
            self._recorder.close(ours, told, attributes)
        else:
            end_foreign(self._recorder, ours, told, attributes)

    def _refresh(self, ours: OpenSpan) -> None:
        """Take over what was set since the start: many instrumentations set everything after it."""
        span = ours.theirs
        try:
            if span is not None:
                scope, name, kind, _, _ = _what(span)
                ours.attributes.update(_attributes(span, scope))
                ours.kind, ours.name = kind_of(kind, ours.attributes), name
        except Exception as error:  # noqa: BLE001 - as above
            self._recorder.complain("opentelemetry", error)


def _what(span: Any) -> tuple[str, str, Any, Any, int]:
    """Return scope, name, kind, parent and id of a span, past the SDK's properties where they can be had so.

    A property takes as long as ten attributes, and a span is asked for a dozen.
    """
    try:
        scope, context = span._instrumentation_scope, span._context  # noqa: SLF001 - else as below
        found = scope._name, span._name, span._kind, span._parent, context.span_id  # noqa: SLF001
    except AttributeError:
        scope, context = span.instrumentation_scope, span.context
        found = scope.name if scope is not None else "", span.name, span.kind, span.parent, context.span_id
    return found


def _code(span: Any) -> Any:
    """Return the code of a span's status, likewise."""
    status = span.status
    return getattr(status, "_status_code", None) or status.status_code


def _held(span: Any) -> Mapping[str, Any]:
    """Return what a span holds, not to be changed, past the SDK's slow mapping where that is known."""
    plain = getattr(getattr(span, "_attributes", None), "_dict", None)
    return plain if type(plain) is dict else dict(span.attributes or {})


def _attributes(span: Any, scope: str) -> Attributes:
    """Return a copy of what a span holds, and the name of its scope."""
    return {**_held(span), "otel.scope.name": scope}
