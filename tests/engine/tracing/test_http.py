"""Requests out and in: headers and bodies, by every client and server that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner

    from enctest.tracing.model import Node

_SERVER = """
import http.server, json, threading
import pytest

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = json.dumps({"token": "hush", "got": len(content)}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "session=hush")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def do_GET(self):
        answer = b"\\0" * 50_000 if self.path == "/binary" else b"x" * 50_000
        self.send_response(200)
        self.send_header("Content-Type", "image/png" if self.path == "/binary" else "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *args): pass

@pytest.fixture(scope="session")
def url():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
"""

_CLIENTS = {
    "httpx": """
        import httpx
        def test_a(url):
            order = {"password": "hush", "item": 3}
            httpx.post(url + "/orders", json=order, headers={"Authorization": "hush"})
            assert len(httpx.get(url + "/long").content) == 50_000
            assert len(httpx.get(url + "/binary").content) == 50_000
    """,
    "httpx_async": """
        import asyncio, httpx
        async def run(url):
            async with httpx.AsyncClient(headers={"Authorization": "hush"}) as client:
                await client.post(url + "/orders", json={"password": "hush", "item": 3})
                async with client.stream("GET", url + "/long") as answer:
                    assert len(await answer.aread()) == 50_000
                assert len((await client.get(url + "/binary")).content) == 50_000
        def test_a(url):
            asyncio.run(run(url))
    """,
    "requests": """
        import requests
        def test_a(url):
            with requests.Session() as session:
                session.headers["Authorization"] = "hush"
                session.post(url + "/orders", json={"password": "hush", "item": 3})
                assert len(session.get(url + "/long").content) == 50_000
                assert len(session.get(url + "/binary").content) == 50_000
    """,
    "urllib3": """
        import urllib3
        def test_a(url):
            with urllib3.PoolManager(headers={"Authorization": "hush"}) as pool:
                both = {"Authorization": "hush", "Content-Type": "application/json"}
                pool.request("POST", url + "/orders", body='{"password": "hush", "item": 3}', headers=both)
                assert len(pool.request("GET", url + "/long").data) == 50_000
                assert len(pool.request("GET", url + "/binary").data) == 50_000
    """,
    "aiohttp": """
        import asyncio, aiohttp
        async def run(url):
            async with aiohttp.ClientSession(headers={"Authorization": "hush"}) as session:
                async with session.post(url + "/orders", json={"password": "hush", "item": 3}) as answer:
                    assert (await answer.json())["got"] > 0
                async with session.get(url + "/long") as answer:
                    assert len(await answer.read()) == 50_000
                async with session.get(url + "/binary") as answer:
                    assert len(await answer.read()) == 50_000
        def test_a(url):
            asyncio.run(run(url))
    """,
    "urllib": """
        import urllib.request
        def test_a(url):
            data = b'{"password": "hush", "item": 3}'
            both = {"Authorization": "hush", "Content-type": "application/json"}
            urllib.request.urlopen(urllib.request.Request(url + "/orders", data, both)).close()
            for path in ("/long", "/binary"):
                with urllib.request.urlopen(url + path) as answer:
                    assert len(answer.read()) == 50_000
    """,
}


@pytest.mark.parametrize("client", _CLIENTS)
def test_clients_tell_headers_and_bodies(inner: Inner, client: str) -> None:
    inner.write("conftest.py", _SERVER)
    result = inner.run(_CLIENTS[client])
    clients = result.of_kind("client")
    assert [node.name for node in clients] == ["POST /orders", "GET /long", "GET /binary"]
    assert [node.attributes["http.response.status_code"] for node in clients] == [201, 200, 200]
    assert {node.attributes["code.file.path"] for node in clients} == {"test_it.py"}
    post, long, binary = [node.attributes for node in clients]
    assert post["http.request.header.authorization"] == ["[redacted]"]
    assert post["http.response.header.set-cookie"] == ["[redacted]"]
    assert post["http.response.header.content-type"] == ["application/json"]
    sent = post["http.request.body.text"].replace(" ", "")
    assert sent == '{"password":"[redacted]","item":3}'
    assert "http.response.body.text" not in binary
    if client == "urllib":  # what is read of its responses passes by
        assert "http.response.body.size" not in post
        return
    assert post["http.response.body.text"].startswith('{"token": "[redacted]", "got": ')
    assert long["http.response.body.size"] == binary["http.response.body.size"] == 50_000
    assert long["http.response.body.text"].endswith("xxx… (50000 bytes in all)")
    assert len(long["http.response.body.text"]) < 4096


def _server(inner: Inner, test: str, **environment: str) -> Node:
    inner.environment.update(environment)
    result = inner.run(test)
    (node,) = result.of_kind("server")
    return node


def _is_told(node: Node, route: str) -> None:
    attributes: dict[str, Any] = node.attributes
    assert node.name == "POST /orders/7"
    assert (node.status, attributes["http.response.status_code"]) == ("ok", 201)
    assert attributes["http.route"] == route
    assert attributes["url.query"] == "page=2"
    assert attributes["http.request.header.cookie"] == ["[redacted]"]
    assert attributes["http.request.body.text"] == '{"password": "[redacted]"}'
    assert attributes["http.response.header.x-kind"] == ["order"]
    assert attributes["http.response.body.text"].replace(" ", "").strip() == '{"id":7}'
    assert "hush" not in str(attributes)


_ASK = """
    kind = {"Content-Type": "application/json", "Cookie": "hush"}
    answer = client.post("/orders/7?page=2", content=b'{"password": "hush"}', headers=kind)
    assert answer.json() == {"id": 7}
"""


def test_fastapi_below_another_application(inner: Inner) -> None:
    test = """
        import asyncio, fastapi, httpx

        app, shop = fastapi.FastAPI(), fastapi.FastAPI()

        @shop.post("/orders/{number}", status_code=201)
        async def order(number: int, body: dict, response: fastapi.Response):
            response.headers["X-Kind"] = "order"
            return {"id": number}

        app.mount("/", shop)

        async def run():
            kind = {"Content-Type": "application/json", "Cookie": "hush"}
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=kind) as client:
                answer = await client.post("/orders/7?page=2", content=b'{"password": "hush"}')
                assert answer.json() == {"id": 7}

        def test_a():
            asyncio.run(run())
    """
    _is_told(_server(inner, test), "/orders/{number}")


def test_any_asgi_application_under_uvicorn(inner: Inner) -> None:
    test = f"""
import threading, httpx, uvicorn

async def app(scope, receive, send):
    assert scope["type"] == "http"
    message = await receive()
    assert message["body"]
    class Route:
        path = "/orders/{{number}}"
    scope["route"] = Route
    headers = [(b"content-type", b"application/json"), (b"x-kind", b"order")]
    await send({{"type": "http.response.start", "status": 201, "headers": headers}})
    await send({{"type": "http.response.body", "body": b'{{"id": 7}}'}})

def test_a():
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{{port}}") as client:
{_ASK.replace(chr(10) + "    ", chr(10) + "        ")}
    server.should_exit = True
    thread.join()
    """
    _is_told(_server(inner, test), "/orders/{number}")


def test_flask(inner: Inner) -> None:
    test = """
        import flask

        app = flask.Flask("shop")

        @app.post("/orders/<int:number>")
        def order(number):
            assert flask.request.json
            return {"id": number}, 201, {"X-Kind": "order"}

        def test_a():
            client = app.test_client()
            client.set_cookie("session", "hush")
            answer = client.post("/orders/7?page=2", json={"password": "hush"})
            assert answer.json == {"id": 7}
    """
    _is_told(_server(inner, test), "/orders/<int:number>")


def test_any_wsgi_application_under_wsgiref(inner: Inner) -> None:
    test = """
        import threading, urllib.request
        from wsgiref.simple_server import WSGIRequestHandler, make_server

        def app(environ, start_response):
            start_response("500 Oh", [("Content-Type", "text/plain"), ("X-Kind", "order")])
            return [b"no ", b"orders"]

        class Quiet(WSGIRequestHandler):
            def log_message(self, *args): pass

        def test_a():
            with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
                thread = threading.Thread(target=server.handle_request)
                thread.start()
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/orders")
                except urllib.error.HTTPError as error:
                    assert error.read() == b"no orders"
                    error.close()
                thread.join()
    """
    node = _server(inner, test)
    assert (node.name, node.status) == ("GET /orders", "error")
    assert node.attributes["http.response.status_code"] == 500
    assert node.attributes["http.response.body.text"] == "no orders"


@pytest.mark.parametrize("client", ["Client", "AsyncClient"])
def test_django(inner: Inner, client: str) -> None:
    wait = "" if client == "Client" else "asyncio.run"
    test = f"""
        import asyncio, json
        import django
        from django.conf import settings
        from django.http import JsonResponse
        from django.urls import path

        settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"])
        django.setup()

        def order(request, number):
            assert json.loads(request.body)
            return JsonResponse({{"id": number}}, status=201, headers={{"X-Kind": "order"}})

        urlpatterns = [path("orders/<int:number>", order)]

        def test_a():
            from django.test import {client} as Client
            client = Client(headers={{"Cookie": "hush"}})
            asked = client.post("/orders/7?page=2", {{"password": "hush"}}, content_type="application/json")
            answer = {wait}(asked)
            assert answer.json() == {{"id": 7}}
    """
    _is_told(_server(inner, test), "/orders/<int:number>")


def test_aiohttp_server(inner: Inner) -> None:
    test = """
        import asyncio
        from aiohttp import web
        from aiohttp.test_utils import TestClient, TestServer

        async def order(request):
            assert await request.json()
            kind = {"content_type": "application/json", "headers": {"X-Kind": "order"}}
            raise web.HTTPCreated(text='{"id": 7}', **kind)

        async def run():
            app = web.Application()
            app.router.add_post("/orders/{number}", order)
            async with TestClient(TestServer(app), cookies={"session": "hush"}) as client:
                answer = await client.post("/orders/7?page=2", json={"password": "hush"})
                assert await answer.json() == {"id": 7}

        def test_a():
            asyncio.run(run())
    """
    _is_told(_server(inner, test), "/orders/{number}")
