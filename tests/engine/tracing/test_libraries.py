"""Requests out and in, log records, processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner


def test_fastapi_served_in_process(inner: Inner) -> None:
    result = inner.run(
        """
        import logging
        import fastapi, httpx, pytest
        from fastapi.testclient import TestClient

        app = fastapi.FastAPI()
        log = logging.getLogger("shop")

        @app.get("/orders/{number}")
        def order(number: int):
            log.warning("order %s", number)
            return number

        @app.get("/broken")
        async def broken():
            raise fastapi.HTTPException(503)

        def test_a():
            client = TestClient(app)
            assert client.get("/orders/7?token=hush&page=2").json() == 7
            assert client.get("/broken").status_code == 503

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_b(anyio_backend):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
                assert (await client.get("/orders/8")).json() == 8
        """,
        "-W",
        "ignore:Using `httpx` with",
    )
    first, second = result.traces.values()
    tree = [
        (depth, node.name, node.kind) for depth, node in first.rows() if node.kind in {"client", "server"}
    ]
    assert tree == [
        (2, "GET /orders/7", "client"),
        (3, "GET /orders/7", "server"),
        (2, "GET /broken", "client"),
        (3, "GET /broken", "server"),
    ]
    client, server, _, broken = [node for node in first.nodes.values() if node.kind in {"client", "server"}]
    assert client.attributes["url.full"] == "http://testserver/orders/7?token=[redacted]&page=2"
    assert client.attributes["code.file.path"] == "test_it.py"
    assert server.attributes["url.query"] == "token=[redacted]&page=2"
    assert server.attributes["http.route"] == "/orders/{number}"
    assert server.attributes["http.response.status_code"] == 200
    assert (broken.status, broken.attributes["http.response.status_code"]) == ("error", 503)
    (note,) = server.events
    assert (note.name, note.attributes["log.level"], note.attributes["log.message"]) == (
        "log",
        "WARNING",
        "order 7",
    )
    kinds = [(depth, node.kind) for depth, node in second.rows() if node.kind != "fixture"]
    assert kinds == [(0, "test"), (1, "phase"), (1, "phase"), (2, "client"), (3, "server"), (1, "phase")]


def test_a_real_server_in_a_thread(inner: Inner) -> None:
    result = inner.run(
        """
        import http.server, threading, logging, urllib.request
        import httpx, pytest

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                logging.getLogger("server").error("serving password=hush")
                self.send_response(200 if self.path == "/" else 404)
                self.end_headers()
                self.wfile.write(b"ok")
            def log_message(self, *args): pass

        @pytest.fixture
        def url():
            with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
                thread = threading.Thread(target=server.serve_forever)
                thread.start()
                yield f"http://u:secret@127.0.0.1:{server.server_port}"
                server.shutdown()
                thread.join()

        def test_a(url):
            assert httpx.get(url).text == "ok"
            assert httpx.get(url + "/missing").status_code == 404
            with urllib.request.urlopen(url.replace("u:secret@", "")) as answer:
                assert answer.status == 200
            with pytest.raises(httpx.ConnectError):
                httpx.get("http://127.0.0.1:1/")
        """
    )
    clients = result.of_kind("client")
    assert [
        (node.name, node.status, node.attributes.get("http.response.status_code")) for node in clients
    ] == [
        ("GET /", "ok", 200),
        ("GET /missing", "error", 404),
        ("GET /", "ok", 200),
        ("GET /", "error", None),
    ]
    assert "secret" not in str(clients[0].attributes)
    logs = [note for note in result.find("call").events if note.name == "log"]
    assert [note.attributes["log.message"] for note in logs] == ["serving password=[redacted]"] * 3
    assert logs[0].attributes["enctest.detached"] is True


def test_mock_transports_count(inner: Inner) -> None:
    result = inner.run(
        """
        import httpx

        def test_a():
            transport = httpx.MockTransport(lambda request: httpx.Response(201))
            assert httpx.Client(transport=transport).post("http://x/orders").status_code == 201
        """
    )
    assert result.find("POST /orders").attributes["http.response.status_code"] == 201


def test_logging_survives_its_configuration_and_tells_the_right_line(inner: Inner) -> None:
    result = inner.run(
        """
        import logging, logging.config

        def test_a():
            logging.config.dictConfig({"version": 1, "root": {"level": "INFO"}})
            log = logging.getLogger("shop")
            log.debug("not this")
            log.info("sold %d", 3)
            try:
                1 / 0
            except ZeroDivisionError:
                log.exception("oh")
        """
    )
    sold, oh = result.find("call").events
    assert sold.attributes["log.message"] == "sold 3"
    assert (sold.attributes["code.file.path"], sold.attributes["code.line.number"]) == ("test_it.py", 8)
    assert oh.attributes["exception.type"] == "ZeroDivisionError"
    assert oh.attributes["exception.stack"] == ["test_it.py:10 test_a"]


def test_processes_end_when_they_are_waited_for(inner: Inner) -> None:
    result = inner.run(
        """
        import asyncio, subprocess, sys

        def test_a():
            subprocess.run([sys.executable, "-c", "exit(3)", "--password", "hush"])

            async def run():
                process = await asyncio.create_subprocess_exec("true")
                await process.wait()

            asyncio.run(run())
        """
    )
    python, true = result.find("call").children
    assert (python.status, python.attributes["process.exit.code"]) == ("error", 3)
    assert python.attributes["process.command_args"][-2:] == ["--password", "[redacted]"]
    assert (true.name, true.status) == ("true", "ok")
