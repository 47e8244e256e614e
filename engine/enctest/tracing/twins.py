"""One call seen twice: by a hook of ours, and by an OpenTelemetry instrumentation of the user's."""

from __future__ import annotations

from typing import Final

from enctest.events import Attributes, SpanKind
from enctest.tracing.spans import OpenSpan, TestTrace

INSTRUMENTATIONS: Final = "opentelemetry.instrumentation."
"""What the names of the scopes of all instrumentations begin with."""
_LIBRARIES: Final = frozenset({"db", "client", "server"})
"""Kinds of spans that both sides make."""
_WORD_IS_ENOUGH: Final = frozenset({"redis", "valkey"})
"""Systems whose instrumentations write `SET ? ?` for a query."""


def is_instrumentation(attributes: Attributes, kind: SpanKind) -> bool:
    """Tell whether a span of OpenTelemetry's is of a library's call, not of the application's own."""
    return kind in _LIBRARIES and str(attributes.get("otel.scope.name", "")).startswith(INSTRUMENTATIONS)


def twin_of(trace: TestTrace, above: OpenSpan, kind: SpanKind, attributes: Attributes) -> OpenSpan | None:
    """Return the instrumentation's span of the call that a hook of ours is about to open one for.

    It is the one around it or, as with SQLAlchemy's, one beside it that is still open.

    Args:
        trace: Of the running test.
        above: The parent that the new span would have.
        kind: The new span's kind.
        attributes: The new span's attributes.
    """
    if kind not in _LIBRARIES:
        return None
    for twin in reversed(trace.instrumented):
        if twin.refresh is not None:
            twin.refresh(twin)
        around = twin is above
        if (around or (kind == "db" and twin.parent == above.number)) and _is_same(twin, kind, attributes):
            return twin
    return None


def own_twin(above: OpenSpan | None, kind: SpanKind) -> OpenSpan | None:
    """Return the span of a hook of ours around the call that an instrumentation is about to open one for."""
    if above is None or above.end_ns or above.into is not None:
        return None
    if "otel.scope.name" in above.attributes or above.kind not in _LIBRARIES:
        return None
    fits = above.kind == kind or (above.kind == "db" and kind == "client")
    return above if fits else None


def stand_in(twin: OpenSpan) -> OpenSpan:
    """Return a span that stands for another one: the same number, the same attributes, never told."""
    made = OpenSpan(twin.trace, twin, twin.name, twin.kind, twin.attributes)
    made.number, made.parent, made.into = twin.number, twin.parent, twin
    return made


def add_missing(span: OpenSpan, attributes: Attributes | None) -> None:
    """Add what a span's second instrumentation knows besides."""
    for name, value in (attributes or {}).items():
        span.attributes.setdefault(name, value)


def _is_same(twin: OpenSpan, kind: SpanKind, attributes: Attributes) -> bool:
    if kind != "db":
        return twin.kind == kind
    theirs = str(twin.attributes.get("db.query.text") or twin.attributes.get("db.statement") or "")
    ours = str(attributes.get("db.query.text", ""))
    if attributes.get("db.system.name") in _WORD_IS_ENOUGH:
        return theirs.partition(" ")[0].upper() == ours.partition(" ")[0]
    if not theirs:  # one that is not recorded by their side gets no attributes, only its name: `SELECT shop`
        return twin.name.partition(" ")[0].upper() == attributes.get("db.operation.name")
    return theirs.strip() == ours.strip()
