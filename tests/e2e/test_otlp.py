"""Traces go to a collector, into a file, and come from programs in other languages."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.e2e.conftest import MakeSample
from tests.harness import Watch, wait_until

FILES = {
    "tests/test_shop.py": """
        import logging, sqlite3
        import pytest

        class TestOrders:
            @pytest.mark.parametrize("n", ["a::b"])
            def test_kept(self, n):
                logging.getLogger("shop").warning("token=hush")
                db = sqlite3.connect(":memory:")
                assert db.execute("SELECT ?, 1.5", [7]).fetchall() == [(7, 1.5)]
                db.close()

        def test_lost():
            numbers = [1]
            assert sum(numbers) == 2

        @pytest.mark.skip
        def test_left(): pass
        """,
}

# What a program in any language does: it has no library, only the protocol.
SENDER = """
import json, os, sys, time, urllib.request
_, trace, parent, _ = os.environ["TRACEPARENT"].split("-")
now = time.time_ns()
span = {
    "traceId": trace, "spanId": "00f067aa0ba902b7", "parentSpanId": parent, "name": "elsewhere", "kind": 2,
    "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1000000),
    "attributes": [{"key": "url.path", "value": {"stringValue": "/orders"}}],
}
body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
name, token = os.environ["OTEL_EXPORTER_OTLP_HEADERS"].split("=")
url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
request = urllib.request.Request(url, body, {name: token, "Content-Type": "application/json"})
urllib.request.urlopen(request).close()
print("sent", flush=True)
sys.stdin.readline()
"""


class Collector(http.server.ThreadingHTTPServer):
    """Takes traces as OTLP over HTTP, and reads them with OpenTelemetry's own classes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], ExportTraceServiceRequest]] = []
        self.status = 200

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for _, _, request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        message = ExportTraceServiceRequest.FromString(body)
        self.server.requests.append(
            (self.path, {name.lower(): value for name, value in self.headers.items()}, message)
        )
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None


def _attributes(holder: Any) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in holder.attributes}


@pytest.mark.parametrize("args", [(), ("-n", "2")], ids=str)
def test_a_run_is_sent_to_a_collector(
    sample: MakeSample, collector: Collector, args: tuple[str, ...]
) -> None:
    project = sample(FILES)
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    key = {"OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b"}
    done = project.enctest("--otlp", endpoint, "-p", "no:randomly", "-q", *args, **key)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"spans were sent to {endpoint}/v1/traces" in done.stderr
    (path, headers, message), *_ = collector.requests
    assert (path, headers["x-key"]) == ("/v1/traces", "a b")
    assert _attributes(message.resource_spans[0].resource)["service.name"] == project.root.name
    tops = [span for span in collector.spans if not span.parent_span_id]  # shared fixtures as well
    roots = {span.name: span for span in tops if "test.case.name" in _attributes(span)}
    assert sorted(roots) == [
        "tests/test_shop.py::TestOrders::test_kept[a::b]",
        "tests/test_shop.py::test_left",
        "tests/test_shop.py::test_lost",
    ]
    assert len({span.trace_id for span in roots.values()}) == 3
    kept, left, lost = (roots[name] for name in sorted(roots))
    assert (kept.status.code, lost.status.code) == (1, 2)
    told = _attributes(kept)
    assert told["test.suite.name"] == "tests/test_shop.py::TestOrders"
    assert told["test.case.name"] == "TestOrders.test_kept[a::b]"
    assert told["test.case.result.status"] == "pass"
    assert _attributes(left)["test.case.result.status"] == "skip"
    assert _attributes(lost)["test.case.result.status"] == "fail"
    assert lost.status.message.startswith(("assert 1 == 2", "AssertionError: assert 1 == 2"))
    assert "where 1 = sum([1])" in lost.status.message
    those = [span for span in collector.spans if span.trace_id == kept.trace_id]
    assert len({span.span_id for span in those}) == len(those)
    (query,) = [span for span in those if span.name == "SELECT"]
    assert query.kind == 3
    assert _attributes(query)["db.query.parameters"] == ["7"]
    (call,) = [span for span in those if span.span_id == query.parent_span_id]
    assert (call.name, call.parent_span_id) == ("call", kept.span_id)
    assert kept.start_time_unix_nano <= call.start_time_unix_nano <= query.start_time_unix_nano
    assert query.end_time_unix_nano <= kept.end_time_unix_nano
    (event,) = call.events
    assert (event.name, _attributes(event)["log.message"]) == ("log", "token=[redacted]")
    (failing,) = [span for span in collector.spans if span.events and span.trace_id == lost.trace_id]
    error = _attributes(failing.events[0])
    assert error["exception.type"] == "AssertionError"
    assert error["exception.stacktrace"] == "tests/test_shop.py:15 test_lost"
    assert error["exception.locals"] == ["tests/test_shop.py:15 test_lost: numbers = [1]"]


def test_a_collector_that_is_not_there_changes_no_outcome(sample: MakeSample, collector: Collector) -> None:
    project = sample({"test_it.py": "def test_a(): pass\n"})
    collector.status = 503
    done = project.enctest("--otlp", f"http://127.0.0.1:{collector.server_port}/own/path", "-q")
    assert done.returncode == 0
    assert "/own/path: it answered 503 Service Unavailable" in done.stderr
    assert collector.requests[0][0] == "/own/path"
    done = project.enctest("--otlp=http://127.0.0.1:1", "-q")
    assert done.returncode == 0
    assert "traces could not be sent to http://127.0.0.1:1/v1/traces" in done.stderr
    assert "Traceback" not in done.stderr
    assert "test_a" in project.enctest("trace", "test_it.py::test_a").stdout


@pytest.mark.parametrize("endpoint", ["localhost:4317", "file:///etc/passwd", "http://", "http://h:x"])
def test_what_is_no_address_is_refused_before_the_run(sample: MakeSample, endpoint: str) -> None:
    done = sample({"test_it.py": "def test_a(): print('ran')\n"}).enctest("--otlp", endpoint, "-s")
    assert done.returncode != 0
    assert "is no address of a collector" in done.stderr
    assert "ran" not in done.stdout


def test_a_trace_is_written_as_json_that_collectors_read(sample: MakeSample) -> None:
    from enctest.tracing.otlp.protobuf import encode

    project = sample(FILES)
    project.enctest("-q")
    test = "tests/test_shop.py::test_lost"
    done = project.enctest("trace", test, "--otlp-json", "trace.json")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    text = (project.root / "trace.json").read_text()
    assert text == project.enctest("trace", test, "--otlp-json", "-").stdout or '"traceId"' in text
    message = ExportTraceServiceRequest.FromString(encode(json.loads(text), "Traces"))
    spans = message.resource_spans[0].scope_spans[0].spans
    phases = [span.name for span in spans if span.name in {"setup", "call", "teardown"}]
    assert (spans[0].name, phases) == (test, ["setup", "call", "teardown"])
    assert abs(spans[0].end_time_unix_nano / 1e9 - (project.root / "trace.json").stat().st_mtime) < 60
    wrong = project.enctest("trace", test, "--otlp-json", "no/such/folder.json")
    assert wrong.returncode != 0
    assert "no/such/folder.json cannot be written: No such file or directory" in wrong.stderr


def processes(watch: Watch) -> list[dict[str, Any]]:
    return [event for event in watch.new("span_started") if "process.command_args" in event["attributes"]]


def test_spans_of_another_program_are_seen_while_it_runs(sample: MakeSample) -> None:
    project = sample(
        {
            "sender.py": SENDER,
            "test_it.py": """
                import subprocess, sys, time
                from pathlib import Path

                def test_a():
                    command = [sys.executable, "-S", "sender.py"]
                    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
                        assert sender.stdout.readline() == b"sent\\n"
                        while not Path("go").exists():
                            time.sleep(0.01)
                        sender.communicate(b"end\\n")
                """,
        }
    )
    watch = Watch(project, (), {})
    try:
        span = watch.wait_for("span_started", name="elsewhere")
        assert not watch.new("test_finished")
        assert (span["kind"], span["attributes"]["url.path"]) == ("server", "/orders")
        (process,) = wait_until("the process's span", functools.partial(processes, watch))
        assert span["parent"] == process["span"]
        (project.root / "go").touch()
        watch.wait_for("test_finished", outcome="passed")
        watch.idle()
    finally:
        watch.close()
    shown = project.enctest("trace", "test_it.py::test_a").stdout
    assert "elsewhere" in shown
