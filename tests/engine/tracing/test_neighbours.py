"""Plugins and libraries that change time, chance, loops and contexts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner


def test_clocks_that_stand_still_or_are_elsewhere(inner: Inner) -> None:
    result = inner.run(
        """
        import datetime, sqlite3, subprocess, sys, time
        import freezegun, httpx, pytest, time_machine
        from opentelemetry import trace

        QUERY = (
            "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            "SELECT sum(i) FROM n"
        )

        def work():
            db = sqlite3.connect(":memory:")
            with trace.get_tracer("shop").start_as_current_span("work"):
                assert db.execute(QUERY).fetchall()
                transport = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
                httpx.Client(transport=transport).get("http://x/")
                subprocess.run(["true"], check=True)
            db.close()

        @freezegun.freeze_time("1999-01-01")
        def test_frozen():
            assert time.time() == 915148800
            work()

        @time_machine.travel(datetime.datetime(2100, 1, 1), tick=False)
        def test_travelled():
            assert datetime.datetime.now().year == 2100
            work()
        """
    )
    for trace in result.traces.values():
        spans = [node for node in trace.nodes.values() if node.name in {"SELECT n", "work", "GET /", "true"}]
        assert len(spans) == 4
        assert all(node.duration_ns() > 0 for node in spans)
        root = trace.root
        assert root is not None
        assert all(root.start_ns <= node.start_ns <= (root.end_ns or 0) for node in spans)
    assert all(1_700_000_000 < record.t < 4_000_000_000 for record in result.records)


def test_chance_stays_as_it_was_seeded(inner: Inner) -> None:
    result = inner.run(
        """
        import random, subprocess
        import pytest
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.id_generator import IdGenerator

        class Counting(IdGenerator):  # an application's own ids, so that only ours could draw
            def generate_span_id(self): return 7
            def generate_trace_id(self): return 9

        tracer = TracerProvider(id_generator=Counting()).get_tracer("shop")

        @pytest.fixture(autouse=True)
        def seeded():
            random.seed(42)

        def test_a():
            with tracer.start_as_current_span("one"), tracer.start_as_current_span("two"):
                subprocess.run(["true"], check=True)
            assert random.random() == 0.6394267984578837

        def test_b():
            with tracer.start_as_current_span("three"):
                pass
            assert random.random() == 0.6394267984578837
        """
    )
    first, second = result.traces.values()
    assert {"one", "two"} <= {node.name for node in first.nodes.values()}
    assert "three" in {node.name for node in second.nodes.values()}


def test_anyio_on_both_of_its_backends(inner: Inner) -> None:
    result = inner.run(
        """
        import sqlite3
        import anyio, pytest
        from anyio import to_thread

        pytestmark = pytest.mark.anyio

        def query(text):
            db = sqlite3.connect(":memory:")
            db.execute(text)
            db.close()

        @pytest.fixture(scope="module")
        def anyio_backend(): return "asyncio"

        @pytest.fixture(scope="module")
        async def shared(anyio_backend):
            yield 1

        async def test_a(shared):
            async with anyio.create_task_group() as group:
                group.start_soon(to_thread.run_sync, query, "SELECT 1")
            query("SELECT 2")

        async def test_b(shared):
            await to_thread.run_sync(query, "SELECT 3")
        """
    )
    for trace, texts in zip(result.traces.values(), (["SELECT 1", "SELECT 2"], ["SELECT 3"]), strict=True):
        queries = [node for node in trace.nodes.values() if node.kind == "db"]
        assert sorted(node.attributes["db.query.text"] for node in queries) == texts
        assert {node.parent.name for node in queries if node.parent is not None} == {"call"}
        assert not any("enctest.detached" in node.attributes for node in queries)


def test_root_spans_of_the_application_stay_roots(inner: Inner) -> None:
    inner.run(
        """
        import subprocess
        import pytest
        from opentelemetry import context, trace
        from opentelemetry.propagate import inject
        from opentelemetry.sdk.trace import TracerProvider

        tracer = TracerProvider().get_tracer("shop")

        @pytest.fixture(scope="session")
        def shared():
            with tracer.start_as_current_span("in a fixture") as span:
                assert span.parent is None

        def test_a(shared):
            assert not trace.get_current_span().get_span_context().is_valid
            assert context.get_current() == {}
            with tracer.start_as_current_span("root") as span:
                assert span.parent is None
            carrier = {}
            inject(carrier)
            assert carrier == {}
        """
    )


def test_ambient_off_tells_processes_nothing(inner: Inner) -> None:
    inner.environment["AMBIENT"] = "off"
    result = inner.run(
        """
        import subprocess

        def test_a():
            told = subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True).stdout
            assert "TRACEPARENT" not in told
            assert "OTEL_" not in told
        """
    )
    assert result.find("env").attributes["process.exit.code"] == 0


def test_a_hundred_thousand_spans_are_bounded_and_said(inner: Inner) -> None:
    result = inner.run(
        """
        import resource
        from opentelemetry.sdk.trace import TracerProvider

        tracer = TracerProvider().get_tracer("shop")

        def size():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

        def test_a():
            for n in range(25_000):
                tracer.start_span("many", attributes={"text": "x" * 1000}).end()
            before = size()
            for n in range(75_000):
                tracer.start_span("many", attributes={"text": "x" * 1000}).end()
            assert size() - before < 30, "megabytes"
        """
    )
    root = result.trace.root
    assert root is not None
    recorded = len([node for node in result.trace.nodes.values() if node.name == "many"])
    assert 19_000 < recorded <= 20_000
    assert root.attributes["enctest.spans.not_recorded"] == 100_000 - recorded
