"""OpenTelemetry's own instrumentations, where the project uses them: each call is one span."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner

_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
"""

_SUITE = """
import asyncio, os
import telemetry
import fastapi, httpx, psycopg, sqlalchemy
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

FOLDER = os.environ["FOLDER"]
app = fastapi.FastAPI()

@app.get("/orders/{number}")
async def order(number: int):
    return number

async def ask():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        HTTPXClientInstrumentor.instrument_client(client)
        assert (await client.get("/orders/7")).json() == 7

def test_http():
    FastAPIInstrumentor.instrument_app(app)
    asyncio.run(ask())

def test_sqlalchemy():
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@/postgres?host={FOLDER}")
    SQLAlchemyInstrumentor().instrument(engine=engine, skip_dep_check=True)
    with engine.begin() as connection:
        assert connection.execute(sqlalchemy.text("SELECT :n + 1"), {"n": 1}).scalar() == 2
    engine.dispose()

def test_driver():
    PsycopgInstrumentor().instrument()
    with psycopg.connect(host=FOLDER, user="postgres", dbname="postgres") as db:
        assert db.execute("SELECT %s + 2", [1]).fetchall() == [(3,)]
    PsycopgInstrumentor().uninstrument()

def test_they_have_their_spans():
    if telemetry.exporter is None:
        return
    names = [span.name for span in telemetry.exporter.get_finished_spans()]
    assert {"GET", "GET /orders/{number}", "SELECT"} <= {name.split(" postgres")[0] for name in names}
    assert not any(name in names for name in ("call", "test_it.py::test_http", "BEGIN"))
"""


@pytest.mark.parametrize("provider", [_PROVIDER, ""], ids=["provider", "none"])
def test_requests_and_queries_are_one_span_each(inner: Inner, postgres: str, provider: str) -> None:
    inner.environment["FOLDER"] = postgres.partition("host=")[2]
    inner.write("telemetry.py", provider or "exporter = None")
    result = inner.run(_SUITE)
    http, sqlalchemy, driver = (
        result.traces[f"test_it.py::{name}"] for name in ("test_http", "test_sqlalchemy", "test_driver")
    )
    kinds = [(depth, node.kind) for depth, node in http.rows() if node.kind in {"client", "server"}]
    assert kinds == [(2, "client"), (3, "server")]
    (server,) = [node for node in http.nodes.values() if node.kind == "server"]
    assert server.attributes["http.route"] == "/orders/{number}"
    assert server.attributes["http.response.body.text"] == "7"
    for trace, text in ((sqlalchemy, "+ 1"), (driver, "SELECT %s + 2")):
        texts = {node: str(node.attributes.get("db.query.text", "")) for node in trace.nodes.values()}
        (query,) = [node for node, found in texts.items() if text in found]
        both = [node for node in trace.nodes.values() if text in str(node.attributes.get("db.statement"))]
        assert both in ([], [query])
        assert query.attributes["code.file.path"] == "test_it.py"
        assert query.attributes["db.response.returned_rows"] == 1
        assert query.attributes["db.query.parameters"]
        assert query.attributes["otel.scope.name"].startswith("opentelemetry.instrumentation.")


def test_a_span_of_the_applications_own_is_not_taken_for_a_library(inner: Inner) -> None:
    result = inner.run(
        """
        import httpx
        from opentelemetry import trace

        def test_a():
            tracer = trace.get_tracer("shop")
            client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
            with tracer.start_as_current_span("charge", kind=trace.SpanKind.CLIENT):
                client.get("http://bank/")
                with tracer.start_as_current_span("again", kind=trace.SpanKind.CLIENT):
                    client.get("http://bank/")
        """
    )
    tree = [(depth, node.name) for depth, node in result.trace.rows() if node.kind == "client"]
    assert tree == [(2, "charge"), (3, "GET /"), (3, "again"), (4, "GET /")]


def test_a_failure_is_told_once(inner: Inner, postgres: str) -> None:
    inner.environment["FOLDER"] = postgres.partition("host=")[2]
    inner.write("telemetry.py", _PROVIDER)
    result = inner.run(
        """
        import os
        import telemetry, psycopg, pytest
        from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor

        def test_a():
            PsycopgInstrumentor().instrument()
            with psycopg.connect(host=os.environ["FOLDER"], user="postgres", dbname="postgres") as db:
                with pytest.raises(psycopg.errors.UndefinedTable):
                    db.execute("SELECT * FROM nothing")
        """
    )
    (query,) = [
        node for node in result.trace.nodes.values() if "nothing" in str(node.attributes.get("db.query.text"))
    ]
    assert (query.status, query.attributes["db.response.status_code"]) == ("error", "42P01")
    assert [note.name for note in query.events if note.name != "command"] == ["exception"]


_TEMPLATES = """
import jinja2
from opentelemetry import trace

page = jinja2.Environment(loader=jinja2.DictLoader({"page": "{{ n }}"})).get_template

def render():
    return page("page").render(n=7)
"""


def test_installed_instrumentations_are_used_for_what_we_do_not_know(inner: Inner) -> None:
    inner.write("telemetry.py", _PROVIDER)
    inner.write("templates.py", _TEMPLATES)
    result = inner.run(
        """
        import telemetry, templates
        from opentelemetry import trace

        def test_a():
            with trace.get_tracer("shop").start_as_current_span("work"):
                assert templates.render() == "7"
            assert [span.name for span in telemetry.exporter.get_finished_spans()] == ["work"]
        """
    )
    tree = [(depth, node.name) for depth, node in result.trace.rows() if node.kind == "internal"]
    assert tree == [(2, "work"), (3, "jinja2.load"), (4, "jinja2.compile"), (3, "jinja2.render")]
    assert result.find("jinja2.render").attributes["jinja2.template_name"] == "page"


def test_an_application_that_instruments_a_library_itself_has_it(inner: Inner) -> None:
    inner.write("telemetry.py", _PROVIDER)
    inner.write("templates.py", _TEMPLATES)
    result = inner.run(
        """
        import logging
        import telemetry, templates
        from opentelemetry.instrumentation.jinja2 import Jinja2Instrumentor

        def test_a(caplog):
            assert not Jinja2Instrumentor().is_instrumented_by_opentelemetry
            Jinja2Instrumentor().instrument()
            assert templates.render() == "7"
            names = [span.name for span in telemetry.exporter.get_finished_spans()]
            assert names == ["jinja2.compile", "jinja2.load", "jinja2.render"]
            Jinja2Instrumentor().uninstrument()
            templates.render()
            assert len(telemetry.exporter.get_finished_spans()) == 3
            assert not caplog.records
        """
    )
    assert [node.name for node in result.of_kind("internal")] == [
        "jinja2.load",
        "jinja2.compile",
        "jinja2.render",
    ]


def test_an_instrumentation_can_be_forbidden(inner: Inner) -> None:
    inner.environment["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "jinja2"
    inner.write("templates.py", _TEMPLATES)
    result = inner.run("import templates\n\ndef test_a(): assert templates.render() == '7'\n")
    assert not result.of_kind("internal")
