"""The application's own OpenTelemetry spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner


SHOP = """
from opentelemetry import trace

tracer = trace.get_tracer("shop")

@tracer.start_as_current_span("decorated")
def decorated():
    return 1

def checkout():
    kind = trace.SpanKind.PRODUCER
    with tracer.start_as_current_span("checkout", kind=kind, attributes={"n": 1}) as span:
        span.set_attribute("orders", 2)
        span.add_event("paid", {"by": "card"})
        with tracer.start_as_current_span("inner"):
            decorated()
        child = tracer.start_span("loose")
        child.end()
    return span
"""


def test_spans_of_an_application_without_provider_show_up(inner: Inner) -> None:
    inner.write("shop.py", SHOP)
    result = inner.run(
        """
        import random
        import pytest, shop
        from opentelemetry import trace

        def test_a():
            random.seed(4)
            expected = random.random()
            random.seed(4)
            span = shop.checkout()
            assert random.random() == expected
            # to the application it is the no-op it would be without us
            assert not span.is_recording()
            assert span.get_span_context() == trace.INVALID_SPAN_CONTEXT
            assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)

        def test_b():
            with pytest.raises(KeyError), shop.tracer.start_as_current_span("failing"):
                raise KeyError("x")
        """
    )
    first, second = result.traces.values()
    tree = [
        (depth, node.name, node.kind, node.status)
        for depth, node in first.rows()
        if "otel.scope.name" in node.attributes
    ]
    assert tree == [
        (2, "checkout", "producer", "unset"),
        (3, "inner", "internal", "unset"),
        (4, "decorated", "internal", "unset"),
        (3, "loose", "internal", "unset"),
    ]
    (checkout,) = [node for node in first.nodes.values() if node.name == "checkout"]
    assert (checkout.attributes["n"], checkout.attributes["orders"]) == (1, 2)
    assert [(note.name, note.attributes) for note in checkout.events] == [("paid", {"by": "card"})]
    (failing,) = [node for node in second.nodes.values() if node.name == "failing"]
    assert failing.status == "error"
    assert failing.events[0].attributes["exception.type"] == "KeyError"


def test_an_application_with_a_provider_keeps_it_and_sees_only_its_own_spans(inner: Inner) -> None:
    result = inner.run(
        """
        import sqlite3
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        early = trace.get_tracer("early")

        def test_a():
            with early.start_as_current_span("before"):
                pass
            exporter = InMemorySpanExporter()
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            trace.set_tracer_provider(provider)
            assert trace.get_tracer_provider() is provider
            db = sqlite3.connect(":memory:")
            with early.start_as_current_span("checkout") as span:
                assert span.parent is None
                db.execute("SELECT 1")
                with trace.get_tracer("late").start_as_current_span("inner") as inner:
                    inner.set_attribute("db.system.name", "redis")
                    inner.add_event("hit", {"n": 1})
            db.close()
            assert [span.name for span in exporter.get_finished_spans()] == ["inner", "checkout"]
            assert len(provider._active_span_processor._span_processors) == 1
        """
    )
    tree = [(depth, node.name) for depth, node in result.trace.rows() if depth > 1]
    assert tree == [(2, "before"), (2, "checkout"), (3, "SELECT"), (3, "inner")]
    found = result.find("inner")
    assert found.attributes["db.system.name"] == "redis"
    assert found.attributes["otel.scope.name"] == "late"
    assert [note.name for note in found.events] == ["hit"]


def test_an_open_span_of_the_sdk_is_told_with_what_was_set_after_its_start(inner: Inner) -> None:
    inner.write(
        "test_it.py",
        """
        import time
        from opentelemetry.sdk.trace import TracerProvider

        def test_a():
            with TracerProvider().get_tracer("x").start_as_current_span("SELECT") as span:
                span.set_attribute("db.system", "postgresql")
                time.sleep(1000)
        """,
    )
    inner.environment["SPAN_PAUSE"] = "0.5"  # hardly ever between the start and what is set after it
    process = inner.start()
    try:
        (started,) = inner.wait_for(
            lambda: [r for r in inner.records() if getattr(r, "name", "") == "SELECT"]
        )
        assert started.kind == "db"
        assert started.attributes["db.system"] == "postgresql"
    finally:
        inner.kill(process)


def test_a_disabled_sdk_stays_so(inner: Inner) -> None:
    inner.environment["OTEL_SDK_DISABLED"] = "true"
    result = inner.run(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        def test_a():
            trace.set_tracer_provider(TracerProvider())
            with trace.get_tracer("x").start_as_current_span("unseen") as span:
                assert not span.is_recording()
        """
    )
    assert "unseen" not in result.names()


def test_opentelemetry_is_not_imported_for_others(inner: Inner) -> None:
    inner.run(
        """
        import sys

        def test_a():
            names = ("opentelemetry", "psycopg", "httpx", "sqlite3", "starlette", "flask", "requests")
            assert not [name for name in names if name in sys.modules]
        """,
        "-p",
        "no:anyio",
    )
