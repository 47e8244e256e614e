"""Findings in traces of real tests: real drivers, a real server, real requests."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.engine.tracing.conftest import Inner, Result

from enctest.config import FindingSettings
from enctest.events import Finding
from enctest.tracing.findings.finder import Finder
from enctest.tracing.model import CONNECT


def found(inner: Inner, result: Result) -> list[Finding]:
    ((test, trace),) = result.traces.items()
    return Finder(str(inner.root), FindingSettings()).find(test, trace)


@pytest.mark.parametrize(
    ("driver", "connect"),
    [
        ("psycopg", "psycopg.connect(URL)"),
        ("psycopg", "psycopg.Connection.connect(URL)"),
        ("psycopg2", "psycopg2.connect(URL)"),
        ("psycopg2", "psycopg2.connect(dsn=URL)"),
    ],
)
def test_opening_a_connection_is_a_span(inner: Inner, postgres: str, driver: str, connect: str) -> None:
    inner.write(
        "shop.py",
        f"""
        import {driver}
        URL = {postgres!r}
        def many():
            for _ in range(4):
                {connect}.close()
        """,
    )
    result = inner.run("import shop\ndef test_it(): shop.many()\n")
    connects = [node for node in result.trace.nodes.values() if CONNECT in node.attributes]
    assert [node.name for node in connects] == ["connect"] * 4
    assert {node.attributes["code.line.number"] for node in connects} == {6}
    assert {node.attributes["db.namespace"] for node in connects} == {"postgres"}
    assert [(each.kind, each.place) for each in found(inner, result)] == [("connection-churn", "shop.py:6")]


@pytest.mark.parametrize("driver", ["psycopg.AsyncConnection", "asyncpg"])
def test_coroutines_connect_too(inner: Inner, postgres: str, driver: str) -> None:
    inner.write(
        "test_it.py",
        f"""
        import asyncio, {driver.partition(".")[0]}
        async def connect():
            connection = await {driver}.connect({postgres!r})
            await connection.close()
        def test_it(): asyncio.run(connect())
        """,
    )
    result = inner.run()
    (node,) = [node for node in result.trace.nodes.values() if CONNECT in node.attributes]
    assert node.attributes["db.namespace"] == "postgres"
    assert node.end_ns


def test_a_connection_that_fails_says_so(inner: Inner) -> None:
    result = inner.run(
        """
        import psycopg, pytest
        def test_it():
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect("postgresql://ada:sesame@/x?host=/nowhere")
        """
    )
    (node,) = [node for node in result.trace.nodes.values() if CONNECT in node.attributes]
    assert node.status == "error"
    assert "sesame" not in str([node.attributes, node.events])


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"1")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_requests_that_could_go_together_and_one_in_a_transaction(inner: Inner, postgres: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    inner.write(
        "shop.py",
        f"""
        import httpx, psycopg
        BANK = "http://127.0.0.1:{server.server_port}"

        async def names(users):
            async with httpx.AsyncClient() as client:
                return [await client.get(f"{{BANK}}/users/{{user}}") for user in users]

        def pay():
            with psycopg.connect({postgres!r}) as connection:
                connection.execute("create table if not exists paid (id int)")
                connection.execute("insert into paid values (1)")
                httpx.get(f"{{BANK}}/charge")
        """,  # noqa: S608 - a sample's
    )
    try:
        result = inner.run(
            """
            import asyncio, shop
            def test_it():
                assert len(asyncio.run(shop.names([1, 2, 3]))) == 3
                shop.pay()
            """
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    findings = {each.kind: each for each in found(inner, result)}
    assert findings.keys() == {"sequential-awaits", "request-in-transaction"}
    assert findings["sequential-awaits"].place == "shop.py:7"
    assert findings["request-in-transaction"].place == "shop.py:11"


def test_a_loop_around_sqlite_is_known_from_its_source(inner: Inner) -> None:
    inner.write(
        "shop.py",
        """
        import sqlite3
        def names(numbers):
            db = sqlite3.connect(":memory:")
            db.execute("create table item (id int, name text)")
            found = []
            for number in numbers:
                found += db.execute("select name from item where id = ?", (number,)).fetchall()
            db.close()
            return found
        """,
    )
    result = inner.run("import shop\ndef test_it(): shop.names([1, 2, 3])\n")
    (finding,) = found(inner, result)
    assert (finding.kind, finding.place) == ("repeated-query", "shop.py:8")
