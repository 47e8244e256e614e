"""What a test can say of its own trace, and what the trace has of services."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from typing import Annotated

import pytest
from pydantic import BaseModel
from tests.engine.services.conftest import MakeProject, bare_pytest

from enctest import Cache, Service, Topic, api, et, sensitive, subscription
from enctest.services import trees
from enctest.tracing.recorder import TraceRecorder


class Card(BaseModel):
    number: Annotated[str, sensitive]
    owner: str
    password: str = "x"  # noqa: S105 - a field


class Rates(Service):
    def start(self) -> None:
        Rates.load()

    @staticmethod
    def load() -> None:
        sqlite3.connect(":memory:").close()

    @api
    async def rate(self, item: str) -> int:
        return len(item)


class Orders(Service):
    @api
    def place(self, card: Card, token: str = "secret one") -> Card:  # noqa: S107 - not to be shown
        return card

    @api(sensitive=True)
    def secret(self, text: str) -> str:
        return text

    @api
    def fail(self) -> None:
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute("SELECT 1")
            database.execute("SELECT 2")
        raise RuntimeError("broken")

    @api
    async def many(self) -> list[int]:
        return list(await asyncio.gather(*(Rates.rate(item) for item in ("a", "bb"))))


def test_a_call_is_a_span_with_what_went_in_and_out() -> None:
    Orders.place(Card(number="4111", owner="alice"))
    (span,) = et.spans().named("Orders.place")
    assert span.kind == "internal"
    assert span.status == "ok"
    shown = "Card(number=[redacted], owner='alice', password=[redacted])"
    assert span.attributes["enctest.request"] == f"card={shown}"
    assert span.attributes["enctest.response"] == shown
    assert span.attributes["rpc.method"] == "place"
    assert span.attributes["code.line.number"] > 0
    Orders.secret("4111")
    (span,) = et.spans().named("Orders.secret")
    assert "4111" not in str(span.attributes)


def test_a_double_and_a_start_say_so() -> None:
    et.mock_endpoint(Orders.secret, lambda text: "double")
    Orders.secret("a")
    assert et.spans().having("enctest.mocked", True).names == ["Orders.secret"]
    et.enable_service_instance_isolation()
    asyncio.run(Rates.rate("pen"))
    (span,) = et.spans().named("start Rates").under("Rates.rate")
    assert span.attributes["enctest.service.shared"] is False


def test_spans_are_selected_by_kind_name_query_and_ancestor() -> None:
    with pytest.raises(RuntimeError):
        Orders.fail()
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("SELECT 3")
    spans = et.spans()
    assert spans.named("SELECT*").count == 3
    assert spans.named("SELECT*").under("Orders.*").count == 2
    assert spans.kind("db").having("db.query.text", "SELECT 3").count == 1
    assert spans.errors.spans is spans
    assert [node.name for node in spans.errors] == ["Orders.fail"]
    assert [event.name for event in spans.errors[0].events] == ["exception"]
    assert spans.named("nothing").errors == []
    assert len(spans.named("nothing")) == 0
    assert spans.named("SELECT*")[0].attributes["db.query.text"] == "SELECT 1"


def test_the_trace_follows_tasks_and_threads() -> None:
    et.enable_service_instance_isolation()
    assert asyncio.run(Orders.many()) == [1, 2]
    assert et.spans().named("Rates.rate").under("Orders.many").count == 2
    assert et.spans().named("start Rates").count == 1
    thread = threading.Thread(target=Orders.secret, args=["x"])
    thread.start()
    thread.join()
    assert et.spans().named("Orders.secret").having("enctest.detached").count == 0


def test_messages_and_caches_are_in_it() -> None:
    numbers = Topic[int]("numbers")

    @subscription(numbers)
    def take(number: int) -> None:
        Orders.secret(str(number))

    numbers.publish(3)
    et.deliver(numbers)
    (sent,) = et.spans().kind("producer")
    (got,) = et.spans().kind("consumer")
    assert (sent.name, sent.attributes["enctest.message"]) == ("publish numbers", "3")
    assert got.attributes["messaging.message.id"] == sent.attributes["messaging.message.id"]
    assert got.attributes["enctest.attempt"] == 1
    assert et.spans().named("Orders.secret").under("process numbers").count == 1
    Cache("sizes", int).get("a")
    (call,) = [node for node in trees.of_test(_recorder())._trace.nodes.values() if node.name == "call"]
    assert [event.name for event in call.events] == ["cache get"]
    assert call.events[0].attributes["cache.hit"] is False


def _recorder() -> TraceRecorder:
    from enctest.services import spans

    found: TraceRecorder = spans.RECORDER
    return found


def test_a_failed_comparison_shows_the_tree() -> None:
    Orders.secret("x")
    lines = trees.explanation(et.spans().named("Orders*").count, "<=", 0)
    assert lines is not None
    assert lines[:2] == ["1 <= 0", "of spans().named('Orders*')"]
    (marked,) = [line for line in lines if line.startswith("*")]
    assert "Orders.secret [internal]" in marked
    assert any("call [phase] open" in line for line in lines)
    assert trees.explanation(1, "<=", 0) is None


TEST = """
    import sqlite3
    from contextlib import closing
    import pytest
    from enctest import Service, api, et

    class Orders(Service):
        @api
        def price(self) -> int:
            with closing(sqlite3.connect(":memory:")) as database:
                return len(database.execute("SELECT 1").fetchall())

    def test_it():
        Orders.price()
        assert et.spans().named("SELECT*").under("Orders.price").count == 1

    def test_too_many(spans):
        for _ in range(3):
            Orders.price()
        assert spans().named("SELECT*").count <= 2

    @pytest.fixture(scope="module")
    def wide():
        return et.spans()

    def test_wide(wide): ...
    """


@pytest.mark.parametrize("run", ["pytest", "enctest", "no spans"])
def test_spans_are_there_however_tests_are_run(project: MakeProject, run: str) -> None:
    settings = "[tool.enctest]\nspans = false\n" if run == "no spans" else ""
    sample = project({"test_it.py": TEST, "pyproject.toml": f"[tool.pytest.ini_options]\n{settings}"})
    arguments = ("-p", "no:randomly")
    done = bare_pytest(sample, *arguments) if run == "pytest" else sample.enctest("-q", *arguments)
    assert "1 failed, 1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "assert 3 <= 2" in done.stdout
    assert done.stdout.count("*       SELECT [db]") == 3
    assert "spans was called in a fixture of module scope" in done.stdout


PRODUCTION = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from enctest import Service, api

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

    class Rates(Service):
        @api
        def rate(self, item: str) -> int:
            return len(item)

        @api
        def fail(self) -> int:
            raise RuntimeError("no")

    class Orders(Service):
        @api
        def price(self, item: str) -> int:
            return Rates.rate(item)

    Orders.price("pen")
    try:
        Rates.fail()
    except RuntimeError:
        pass
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert spans["Rates.rate"].parent.span_id == spans["Orders.price"].context.span_id
    assert spans["Orders.price"].attributes["enctest.request"] == "item='pen'"
    assert spans["Orders.price"].attributes["enctest.response"] == "3"
    assert spans["Rates.fail"].status.status_code.name == "ERROR"
    assert spans["start Rates"].parent.span_id == spans["Rates.rate"].context.span_id
    print("fine")
    """


def test_in_production_spans_go_to_the_applications_own_provider() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PRODUCTION)],
        env=os.environ | {"ENCTEST_TEST": ""},  # in no test
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "fine\n", done.stderr


def test_spans_that_are_not_all_there_are_refused(project: MakeProject) -> None:
    query = "sqlite3.connect(':memory:').execute('SELECT 1')"
    test = f"""
        import sqlite3
        import pytest

        @pytest.fixture
        def earlier():
            {query}

        def test_fixture(earlier, spans):
            {query}
            assert spans().named("SELECT*").count == 2

        def test_late():
            {query}
            from enctest import et
            assert et.spans().named("SELECT*").count == 1
        """
    sample = project({"test_it.py": test})
    done = bare_pytest(sample, "-p", "no:randomly", "-k", "fixture")
    assert "1 passed" in done.stdout, done.stdout
    done = bare_pytest(sample, "-p", "no:randomly", "-k", "late")
    assert "spans() does not know what this test did at first" in done.stdout
    assert "1 failed" in done.stdout
