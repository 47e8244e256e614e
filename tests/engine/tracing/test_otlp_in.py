"""Servers and programs that tests start, in any language, send spans into the same tree."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from enctest.events import Notice

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner

_NODE = """
const http = require("http");
const crypto = require("crypto");
const zlib = require("zlib");
const [, trace, parent] = process.env.TRACEPARENT.split("-");
const [name, token] = process.env.OTEL_EXPORTER_OTLP_HEADERS.split("=");
const now = () => String(BigInt(Date.now()) * 1000000n);

function send(spans, done) {
  const url = process.env.OTEL_EXPORTER_OTLP_ENDPOINT + "/v1/traces";
  const headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", [name]: token};
  // No length: node sends the body in chunks.
  const request = http.request(url, {method: "POST", headers}, (answer) => {
    answer.resume();
    done(answer.statusCode);
  });
  const scope = {name: "shop.js"};
  const resource = {attributes: [{key: "service.name", value: {stringValue: "shop"}}]};
  const packed = zlib.gzipSync(JSON.stringify({resourceSpans: [{resource, scopeSpans: [{scope, spans}]}]}));
  request.write(packed.subarray(0, 20));
  request.write(packed.subarray(20));
  request.end();
}

const server = http.createServer((request, response) => {
  const id = () => crypto.randomBytes(8).toString("hex");
  const start = now(), outer = id(), inner = id();
  const attributes = [
    {key: "http.request.method", value: {stringValue: request.method}},
    {key: "password", value: {stringValue: "hush"}},
    {key: "sizes", value: {arrayValue: {values: [{intValue: "1"}, {intValue: "2"}]}}},
  ];
  const query = {
    traceId: trace, spanId: inner, parentSpanId: outer, name: "SELECT orders", kind: 3,
    startTimeUnixNano: start, endTimeUnixNano: now(),
    attributes: [{key: "db.system.name", value: {stringValue: "mysql"}}],
    events: [{timeUnixNano: start, name: "row", attributes: []}], status: {code: 2, message: "gone"},
  };
  send([query], (status) => {  // the child first, as exporters do
    if (status !== 200) throw new Error("status " + status);
    const serving = {
      traceId: trace, spanId: outer, parentSpanId: parent, name: "GET /orders", kind: 2,
      startTimeUnixNano: start, endTimeUnixNano: now(), attributes, status: {},
    };
    send([serving], () => response.end("ok"));
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
def test_a_server_in_javascript(inner: Inner) -> None:
    inner.write("server.js", _NODE)
    result = inner.run(
        """
        import subprocess, urllib.request
        import pytest

        @pytest.fixture(scope="module")
        def server():
            process = subprocess.Popen(["node", "server.js"], stdout=subprocess.PIPE, text=True)
            with process:
                yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
                process.terminate()

        def test_a(server):
            with urllib.request.urlopen(server) as answer:
                assert answer.read() == b"ok"

        def test_b(server):
            with urllib.request.urlopen(server) as answer:
                assert answer.read() == b"ok"
        """
    )
    first, second = result.traces.values()
    for trace, above in ((first, "node"), (second, "call")):
        (serving,) = [node for node in trace.nodes.values() if node.name == "GET /orders"]
        assert serving.parent is not None
        assert (serving.kind, serving.parent.name) == ("server", above)
        assert serving.attributes["service.name"] == "shop"
        assert serving.attributes["otel.scope.name"] == "shop.js"
        assert (serving.attributes["password"], serving.attributes["sizes"]) == ("[redacted]", [1, 2])
        (query,) = serving.children
        assert (query.name, query.kind, query.status) == ("SELECT orders", "db", "error")
        assert query.attributes["otel.status_description"] == "gone"
        assert [note.name for note in query.events] == ["row"]
        root = trace.root
        assert root is not None
        assert root.end_ns is not None
        assert root.start_ns - 1_000_000 <= serving.start_ns <= root.end_ns  # node's clock has milliseconds


def test_a_program_with_the_sdk_sends_protobuf_until_it_ends(inner: Inner) -> None:
    inner.write(
        "program.py",
        """
        import logging, os
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
        context = TraceContextTextMapPropagator().extract({"traceparent": os.environ["TRACEPARENT"]})
        tracer = trace.get_tracer("program")
        with tracer.start_as_current_span("outer", context=context) as outer:
            outer.set_attribute("n", 3)
            with tracer.start_as_current_span("inner") as span:
                span.add_event("seen", {"x": 1.5})
        with tracer.start_as_current_span("a trace of its own"):
            pass
        provider.shutdown()
        """,
    )
    result = inner.run(
        """
        import subprocess, sys

        def test_a():
            subprocess.run([sys.executable, "program.py"], check=True)

        def test_b():
            pass
        """
    )
    first, second = result.traces.values()
    tree = [(depth, node.name) for depth, node in first.rows()]
    (process,) = [depth for depth, name in tree if name.startswith("python")]
    assert (process + 1, "outer") in tree
    assert (process + 2, "inner") in tree
    assert (process + 1, "a trace of its own") in tree
    (outer,) = [node for node in first.nodes.values() if node.name == "outer"]
    assert outer.attributes["n"] == 3
    (seen,) = outer.children[0].events
    assert (seen.name, seen.attributes) == ("seen", {"x": 1.5})
    assert len(second) == 4


def test_what_others_decided_and_empty_environments_are_left_alone(inner: Inner) -> None:
    inner.run(
        """
        import asyncio, os, subprocess
        import pytest

        def variables(env=None):
            done = subprocess.run(["/usr/bin/env"], env=env, capture_output=True, text=True, check=True)
            return dict(line.partition("=")[::2] for line in done.stdout.splitlines())

        def test_told():
            found = variables()
            assert found["OTEL_EXPORTER_OTLP_ENDPOINT"].startswith("http://127.0.0.1:")
            assert found["TRACEPARENT"].startswith("00-")
            assert variables({**os.environ, "A": "b"})["TRACEPARENT"] != found["TRACEPARENT"]
            assert "TRACEPARENT" not in os.environ

            async def run():
                process = await asyncio.create_subprocess_exec("env", stdout=subprocess.PIPE)
                return (await process.communicate())[0]

            assert b"TRACEPARENT=00-" in asyncio.run(run())

        def test_left_alone():
            assert variables({"A": "b"}) == {"A": "b"}
            given = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://theirs"}
            assert variables(given) == given

        def test_mocks_see_what_the_code_gave(monkeypatch):
            seen = []
            monkeypatch.setattr(subprocess, "Popen", lambda *args, **kwargs: seen.append(kwargs))
            subprocess.Popen(["env"], cwd="/")
            assert seen == [{"cwd": "/"}]
        """
    )


def test_nobody_else_gets_in(inner: Inner) -> None:
    inner.run(
        """
        import http.client, json, os, subprocess, zlib

        def told():
            text = subprocess.run(["/usr/bin/env"], capture_output=True, text=True).stdout
            return dict(line.partition("=")[::2] for line in text.splitlines())

        def ask(body=b"{}", path="/v1/traces", method="POST", **headers):
            connection = http.client.HTTPConnection(PORT)
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            chosen = {"Content-Type": "application/json", **dict([TOKEN]), **given}
            connection.request(method, path, body, {k: v for k, v in chosen.items() if v})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status

        def test_a():
            global PORT, TOKEN
            variables = told()
            PORT = variables["OTEL_EXPORTER_OTLP_ENDPOINT"].removeprefix("http://")
            TOKEN = tuple(variables["OTEL_EXPORTER_OTLP_HEADERS"].split("="))
            assert ask() == 200
            assert ask(x_enctest_token=None) == 401
            assert ask(x_enctest_token="x" + TOKEN[1]) == 401
            assert ask(Host="evil.example:80") == 401
            assert ask(method="GET", body=None) == 405
            assert ask(path="/etc/passwd") == 404
            assert ask(path="/v1/metrics") == 200
            assert ask(body=b"nothing") == 400
            assert ask(body=b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1"}]}]}]}') == 400
            assert ask(body=b"{}", Content_Type="text/html") == 415
            assert ask(body=b"\\xff\\xff", Content_Type="application/x-protobuf") == 400
            assert ask(body=b"nothing", Content_Encoding="gzip") == 400
            assert ask(body=b"nothing", Content_Encoding="br") == 415
            assert ask(body=b"", Content_Length=str(9 * 1024 * 1024)) == 413
            bomb = zlib.compressobj(wbits=31)
            packed = b"".join(bomb.compress(b" " * 1_000_000) for _ in range(40)) + bomb.flush()
            assert ask(body=packed, Content_Encoding="gzip") == 413
            assert ask(body=json.dumps({"resourceSpans": []}).encode()) == 200
        """
    )


def test_what_comes_when_its_test_is_over_is_said_and_not_shown(inner: Inner) -> None:
    inner.write(
        "test_it.py",
        """
        import json, os, subprocess, urllib.request

        def test_a():
            global VARIABLES
            text = subprocess.run(["/usr/bin/env"], capture_output=True, text=True).stdout
            VARIABLES = dict(line.partition("=")[::2] for line in text.splitlines())

        def test_b():
            span = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "late", "startTimeUnixNano": "1"}
            late = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
            name, _, token = VARIABLES["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")
            url = VARIABLES["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
            headers = {name: token, "Content-Type": "application/json"}
            urllib.request.urlopen(urllib.request.Request(url, json.dumps(late).encode(), headers)).close()
        """,
    )
    process = inner.start()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    records = inner.records()
    assert [record.message for record in records if isinstance(record, Notice)] == [
        "spans of other processes came after their test had ended; they are not shown"
    ]
    assert not [record for record in records if getattr(record, "name", "") == "late"]
