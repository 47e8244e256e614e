"""What tests do to time, threads, processes and contexts does not confuse the capture, nor it them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner


def test_a_frozen_clock_stops_no_span(inner: Inner) -> None:
    result = inner.run(
        """
        import datetime, sqlite3, time

        def test_a(monkeypatch):
            begin = time.monotonic()
            for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
                monkeypatch.setattr(time, name, lambda: 0)
            db = sqlite3.connect(":memory:")
            db.execute(
                "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
                "SELECT sum(i) FROM n"
            ).fetchall()
            db.close()
        """
    )
    query = result.find("SELECT n")
    assert query.duration_ns() > 0
    ended = [record for record in result.records if getattr(record, "duration_ms", 0) > 0]
    assert min(record.t for record in ended) > 1_700_000_000


def test_threads_follow_what_started_them(inner: Inner) -> None:
    result = inner.run(
        """
        import _thread, contextvars, sqlite3, threading
        from concurrent.futures import ThreadPoolExecutor

        def work():
            sqlite3.connect(":memory:").execute("SELECT 1").connection.close()

        class Own(threading.Thread):
            def run(self):
                work()

        def test_a():
            from opentelemetry import trace
            with trace.get_tracer("shop").start_as_current_span("a"):
                thread = threading.Thread(target=work)
                thread.start()
                thread.join()
                context = contextvars.copy_context()
                thread = Own()
                thread.start()
                thread.join()
            with ThreadPoolExecutor(1) as pool:
                with trace.get_tracer("shop").start_as_current_span("b"):
                    pool.submit(work).result()
                pool.submit(work).result()
            done = threading.Event()
            _thread.start_new_thread(lambda: (work(), done.set()), ())
            done.wait()
        """
    )
    queries = result.of_kind("db")
    parents = [node.parent.name for node in queries if node.parent is not None]
    assert parents == ["a", "a", "b", "call", "call"]
    assert [node.attributes.get("enctest.detached") for node in queries] == [None, None, None, None, True]


def test_a_loop_that_outlives_a_test_does_not_blame_the_first_one(inner: Inner) -> None:
    result = inner.run(
        """
        import asyncio, sqlite3, pytest

        @pytest.fixture(scope="module")
        def loop():
            loop = asyncio.new_event_loop()
            queue = asyncio.Queue()
            async def worker():
                while True:
                    done = await queue.get()
                    sqlite3.connect(":memory:").execute("SELECT 1").connection.close()
                    done.set_result(None)
            task = loop.create_task(worker())
            def work():
                done = loop.create_future()
                queue.put_nowait(done)
                loop.run_until_complete(done)
            yield work
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            loop.close()

        def test_a(loop): loop()
        def test_b(loop): loop()
        """
    )
    for trace in result.traces.values():
        (query,) = [node for node in trace.nodes.values() if node.kind == "db"]
        assert query.parent is not None
        assert query.parent.name == "call"


def test_tasks_nest_under_what_started_them(inner: Inner) -> None:
    result = inner.run(
        """
        import asyncio
        from opentelemetry import trace

        tracer = trace.get_tracer("x")

        async def part(name):
            with tracer.start_as_current_span(name):
                await asyncio.sleep(0)
                with tracer.start_as_current_span(f"{name}.inner"):
                    await asyncio.sleep(0)

        async def whole():
            with tracer.start_as_current_span("whole"):
                await asyncio.gather(part("a"), part("b"))

        def test_a():
            asyncio.run(whole())
        """
    )
    tree = sorted(
        (node.name, node.parent.name) for node in result.trace.nodes.values() if node.parent is not None
    )
    assert [pair for pair in tree if pair[1] != "test_it.py::test_a"] == [
        ("a", "whole"),
        ("a.inner", "a"),
        ("b", "whole"),
        ("b.inner", "b"),
        ("whole", "call"),
    ]


def test_a_forked_child_tells_nothing(inner: Inner) -> None:
    result = inner.run(
        """
        import os, sqlite3

        def test_a():
            pid = os.fork()
            if not pid:
                sqlite3.connect(":memory:").execute("SELECT 1")
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            sqlite3.connect(":memory:").execute("SELECT 2").connection.close()
        """,
        "-W",
        "ignore::DeprecationWarning",
    )
    assert [node.attributes["db.query.text"] for node in result.of_kind("db")] == ["SELECT 2"]


def test_a_flood_is_counted_not_recorded(inner: Inner) -> None:
    result = inner.run(
        """
        import sqlite3

        def test_a():
            db = sqlite3.connect(":memory:")
            for n in range(20_050):
                db.execute("SELECT 1")
            db.execute("SELECT ?", ["x" * 1_000_000])
            db.close()
        """
    )
    root = result.trace.root
    assert root is not None
    assert len(result.of_kind("db")) < 20_000
    assert root.attributes["enctest.spans.not_recorded"] + len(result.of_kind("db")) == 20_051


def test_wrapped_functions_look_like_the_originals(inner: Inner) -> None:
    inner.run(
        """
        import inspect, logging, subprocess, warnings
        import httpx, psycopg, pytest

        def test_a():
            signature = inspect.signature(psycopg.Cursor.execute)
            assert list(signature.parameters) == ["self", "query", "params", "prepare", "binary"]
            assert inspect.iscoroutinefunction(psycopg.AsyncCursor.execute)
            assert psycopg.Cursor.execute.__wrapped__.__name__ == "execute"
            assert list(inspect.signature(subprocess.Popen).parameters)[0] == "args"
            assert subprocess.Popen.__init__.__qualname__ == "Popen.__init__"

        class Old(httpx.Client):
            def send(self, request, **options):
                return super().send(request, **options)

        def handler(request):
            warnings.warn("old", DeprecationWarning, stacklevel=1)
            return httpx.Response(200)

        def test_b():
            with pytest.warns(DeprecationWarning):
                Old(transport=httpx.MockTransport(handler)).get("http://x/")

        def test_caller_of_a_library_function_is_who_is_warned():
            from enctest.tracing.hooks.patching import Patches

            class Library:
                def old(self):
                    warnings.warn("old", DeprecationWarning, stacklevel=2)
                    logging.getLogger().error("old", stacklevel=2)

            patches = Patches()
            patches.wrap(Library, "old", lambda original: lambda *args: original(*args))
            with pytest.warns(DeprecationWarning) as caught:
                Library().old()
            assert caught[0].filename == __file__
            patches.restore()
            assert not hasattr(Library.old, "__wrapped__")
        """
    )
