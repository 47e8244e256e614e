"""OpenTelemetry's API without a provider: its spans are recorded, yet behave like the no-ops they are.

The global provider is never set or asked for. A tracer that finds none gets ours for the moment, and
the application's own as soon as there is one. Context, propagation and `is_recording()` stay what
they are without us, so that no test can tell the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

from enctest.events import Attributes, SpanKind, SpanStatus
from enctest.tracing.hooks.patching import Patches
from enctest.tracing.recorder import TraceRecorder
from enctest.tracing.spans import OpenSpan, current
from enctest.tracing.twins import add_missing, is_instrumentation, own_twin, stand_in

if TYPE_CHECKING:
    from opentelemetry import trace as api

_KINDS: Final[tuple[SpanKind, ...]] = ("internal", "server", "client", "producer", "consumer")
OURS = "_enctest_span"
"""Attribute of a span of OpenTelemetry's that holds our span."""


def hook(module: ModuleType, recorder: TraceRecorder, patches: Patches) -> None:
    """Record what tracers without a provider start; make nested spans of both kinds find each other."""
    library: Any = module
    made = _quiet_tracer(library, recorder)
    recorder.foreign = lambda: cast("OpenSpan | None", getattr(library.get_current_span(), OURS, None))

    def make(original: property) -> property:
        def tracer(self: Any) -> Any:
            found = original.__get__(self)
            provided = library._TRACER_PROVIDER  # noqa: SLF001 - asking by function could set one
            name = getattr(self, "_instrumenting_module_name", "")
            return made(name) if type(found) is library.NoOpTracer and not provided else found

        return property(tracer)

    patches.replace(library.ProxyTracer, "_tracer", make)


def kind_of(kind: Any, attributes: Mapping[str, Any]) -> SpanKind:
    """Return our kind for one of OpenTelemetry's; spans of databases are told by their attributes."""
    if "db.system" in attributes or "db.system.name" in attributes:
        return "db"
    found: SpanKind = _KINDS[kind._value_]  # `value` is a slow property
    return found


def start_foreign(
    recorder: TraceRecorder, name: str, kind: SpanKind, attributes: Attributes, parent: OpenSpan | None
) -> OpenSpan | None:
    """Open the span of one of OpenTelemetry's; that of a library's call may be one of ours already."""
    if not is_instrumentation(attributes, kind):
        return recorder.start(name, kind, attributes, parent=parent, current=False)
    twin = own_twin(current(), kind)
    if twin is not None:
        add_missing(twin, attributes)
        return stand_in(twin)
    span = recorder.start(name, kind, attributes, parent=parent, current=False)
    if span is not None:
        span.trace.instrumented.append(span)
    return span


def end_foreign(
    recorder: TraceRecorder, span: OpenSpan, status: SpanStatus, attributes: Attributes | None = None
) -> None:
    """Close the span of one of OpenTelemetry's."""
    instrumented = span.trace.instrumented
    if instrumented and span in instrumented:
        instrumented.remove(span)
    recorder.end(span, status, attributes)


def quiet_tracers(recorder: TraceRecorder) -> Any:
    """Return a provider whose spans are recorded here only; instrumentations take them for recording ones."""
    from opentelemetry import trace

    library: Any = trace
    made = _quiet_tracer(library, recorder, recording=True)

    class Provider(library.TracerProvider):  # type: ignore[misc]
        """Makes tracers of ours."""

        def get_tracer(self, instrumenting_module_name: str, *_args: Any, **_kwargs: Any) -> Any:
            return made(instrumenting_module_name)

    return Provider()


def _quiet_tracer(
    library: Any, recorder: TraceRecorder, *, recording: bool = False
) -> Callable[[str], api.Tracer]:
    """Return a function that makes the stand-in for a tracer that has no provider, of a scope's name."""
    quiet_span = _quiet_span(library, recorder, recording=recording)

    class QuietTracer(library.NoOpTracer):  # type: ignore[misc]
        """Starts spans that only we see."""

        def __init__(self, scope: str) -> None:
            self._scope = scope

        def start_span(self, name: str, context: Any = None, *args: Any, **kwargs: Any) -> Any:
            inert = super().start_span(name, context, *args, **kwargs)
            if not recorder.active:
                return inert
            kind = kwargs.get("kind", args[0] if args else library.SpanKind.INTERNAL)
            given = kwargs.get("attributes", args[1] if len(args) > 1 else None)
            attributes: Attributes = {**(given or {}), "otel.scope.name": self._scope}
            parent = getattr(library.get_current_span(context), OURS, None) if context is not None else None
            ours = start_foreign(recorder, name, kind_of(kind, attributes), attributes, parent)
            return quiet_span(inert.get_span_context(), ours)

        @contextmanager
        def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
            end_on_exit = kwargs.pop("end_on_exit", True)
            span = self.start_span(name, *args, **kwargs)
            try:
                with library.use_span(span, end_on_exit=False):
                    yield span
            except Exception as error:
                recorder.exception(error, getattr(span, OURS, None))
                span.set_status(library.Status(library.StatusCode.ERROR))
                raise
            finally:
                if end_on_exit:
                    span.end()

    return cast("Callable[[str], api.Tracer]", QuietTracer)


def _quiet_span(
    library: Any, recorder: TraceRecorder, *, recording: bool
) -> Callable[[Any, OpenSpan | None], Any]:
    """Return what makes spans that are no-ops to the application, but for being said to record."""

    class QuietSpan(_Recording, library.NonRecordingSpan):  # type: ignore[misc]
        """A no-op span whose attributes, events and end we note."""

        def is_recording(self) -> bool:
            return recording

    def make(context: Any, ours: OpenSpan | None) -> Any:
        span = QuietSpan(context)
        span._enctest_recorder, span._enctest_span = recorder, ours  # noqa: SLF001 - our own class
        return span

    return make


class _Recording:
    """The methods of an OpenTelemetry span that tell us something."""

    _enctest_recorder: TraceRecorder
    _enctest_span: OpenSpan | None

    def set_attribute(self, key: str, value: Any) -> None:
        if self._enctest_span is not None:
            self._enctest_span.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        if self._enctest_span is not None:
            self._enctest_span.attributes.update(attributes)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        del timestamp  # we have a clock of our own
        if self._enctest_span is not None:
            self._enctest_recorder.event(name, dict(attributes or {}), span=self._enctest_span)

    def record_exception(self, exception: BaseException, *_args: Any, **_kwargs: Any) -> None:
        if self._enctest_span is not None:
            self._enctest_recorder.exception(exception, self._enctest_span)

    def update_name(self, name: str) -> None:
        if self._enctest_span is not None:
            self._enctest_span.attributes["enctest.name"] = name

    def set_status(self, status: Any, description: str | None = None) -> None:
        if self._enctest_span is not None:
            self._enctest_span.status = getattr(status, "status_code", status).name.lower()
            if description:
                self._enctest_span.attributes["otel.status_description"] = description

    def end(self, end_time: int | None = None) -> None:
        del end_time  # as above
        if self._enctest_span is not None:
            end_foreign(self._enctest_recorder, self._enctest_span, self._enctest_span.status)
