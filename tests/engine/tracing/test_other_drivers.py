"""Libraries that are instrumented too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner


def test_psycopg2(inner: Inner, postgres: str) -> None:
    inner.environment["URL"] = postgres
    result = inner.run(
        """
        import os
        import psycopg2, psycopg2.errors, psycopg2.extras, pytest

        def test_a():
            db = psycopg2.connect(os.environ["URL"])
            assert isinstance(db, psycopg2.extensions.connection)
            with db, db.cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
                cursor.execute("CREATE TEMP TABLE orders (id int)")
                cursor.executemany("INSERT INTO orders VALUES (%s)", [(1,), (2,)])
                cursor.execute("SELECT * FROM orders WHERE id = %(id)s", {"id": 1})
                assert cursor.fetchone()["id"] == 1
            with pytest.raises(psycopg2.errors.UndefinedTable):
                db.cursor().execute("SELECT * FROM nothing")
            db.rollback()
            db.close()
        """
    )
    names = [(node.name, node.status) for node in result.of_kind("db")]
    assert names == [
        ("CREATE TABLE orders", "ok"),
        ("INSERT orders", "ok"),
        ("SELECT orders", "ok"),
        ("COMMIT", "ok"),
        ("SELECT nothing", "error"),
        ("ROLLBACK", "ok"),
    ]
    query = result.find("SELECT orders").attributes
    assert (query["db.query.parameters"], query["db.response.returned_rows"]) == (["id=1"], 1)


def test_asyncpg(inner: Inner, postgres: str) -> None:
    inner.environment["FOLDER"] = postgres.partition("host=")[2]
    result = inner.run(
        """
        import asyncio, os
        import asyncpg

        async def run():
            db = await asyncpg.connect(host=os.environ["FOLDER"], user="postgres", database="postgres")
            await db.execute("CREATE TEMP TABLE orders (id int)")
            await db.executemany("INSERT INTO orders VALUES ($1)", [(1,), (2,)])
            assert len(await db.fetch("SELECT * FROM orders WHERE id < $1", 9)) == 2
            statement = await db.prepare("SELECT id FROM orders")
            assert await statement.fetchval() == 1
            await db.copy_records_to_table("orders", records=[(3,)])
            await db.close()

        def test_a():
            asyncio.run(run())
        """
    )
    queries = result.of_kind("db")
    assert [node.name for node in queries] == [
        "CREATE TABLE orders",
        "INSERT orders",
        "SELECT orders",
        "SELECT orders",
        "COPY orders",
    ]
    assert queries[2].attributes["db.response.returned_rows"] == 2
    assert queries[2].attributes["db.query.parameters"] == ["9"]


def test_flask_and_requests(inner: Inner) -> None:
    result = inner.run(
        """
        import threading, wsgiref.simple_server
        import flask, requests

        app = flask.Flask("shop")

        @app.get("/orders/<int:number>")
        def order(number):
            return str(number)

        def test_a():
            assert app.test_client().get("/orders/4").data == b"4"
            base = wsgiref.simple_server.WSGIRequestHandler
            quiet = type("Quiet", (base,), {"log_message": lambda *args: None})
            with wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=quiet) as server:
                thread = threading.Thread(target=server.serve_forever)
                thread.start()
                assert requests.get(f"http://127.0.0.1:{server.server_port}/nothing").status_code == 404
                server.shutdown()
                thread.join()
        """
    )
    first, second = result.of_kind("server")
    assert (first.name, first.attributes["http.route"]) == ("GET /orders/4", "/orders/<int:number>")
    assert (second.status, second.attributes["http.response.status_code"]) == ("ok", 404)
    (client,) = result.of_kind("client")
    assert (client.name, client.status) == ("GET /nothing", "error")
