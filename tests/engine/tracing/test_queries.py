"""Queries on a real PostgreSQL and on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.tracing.conftest import Inner


CONFTEST = """
import os
import psycopg
import pytest

@pytest.fixture
def db():
    with psycopg.connect(os.environ["URL"]) as connection:
        connection.execute("CREATE TEMP TABLE orders (id int PRIMARY KEY, note text)")
        connection.commit()
        yield connection
"""


def test_queries_tell_text_parameters_rows_and_call_site(inner: Inner, postgres: str) -> None:
    inner.environment["URL"] = postgres
    inner.write("conftest.py", CONFTEST)
    result = inner.run(
        """
def test_a(db):
    db.execute("INSERT INTO orders VALUES (%(id)s, %(password)s)", {"id": 1, "password": "hush"})
    with db.cursor() as cursor:
        cursor.execute("SELECT * FROM orders WHERE id = ANY(%s)", [[1, 2]])
        assert cursor.fetchall() == [(1, "hush")]
    db.commit()
"""
    )
    query = result.find("SELECT orders")
    found = query.attributes
    assert (query.kind, query.status) == ("db", "ok")
    assert query.parent is result.find("call")
    assert found["db.system.name"] == "postgresql"
    assert found["db.namespace"] == "postgres"
    assert found["db.query.text"] == "SELECT * FROM orders WHERE id = ANY(%s)"
    assert found["db.query.summary"] == "SELECT orders"
    assert found["db.operation.name"] == "SELECT"
    assert found["db.query.parameters"] == ["[1, 2]"]
    assert found["db.response.returned_rows"] == 1
    assert (found["code.file.path"], found["code.line.number"]) == ("test_it.py", 5)
    insert = result.find("INSERT orders").attributes
    assert insert["db.query.parameters"] == ["id=1", "password=[redacted]"]
    assert insert["db.response.affected_rows"] == 1
    call = [node.name for node in result.find("call").children]
    assert call == ["INSERT orders", "SELECT orders", "COMMIT"]


def test_everything_psycopg_can_do_is_one_span_each(inner: Inner, postgres: str) -> None:
    inner.environment["URL"] = postgres
    inner.write("conftest.py", CONFTEST)
    result = inner.run(
        """
from psycopg import sql

def test_a(db):
    cursor = db.cursor()
    cursor.executemany("INSERT INTO orders VALUES (%s, %s)", [(n, "x") for n in range(3)])
    with cursor.copy("COPY orders FROM STDIN") as copy:
        copy.write_row((9, "y"))
    assert [row[0] for row in cursor.stream("SELECT id FROM orders ORDER BY id")] == [0, 1, 2, 9]
    with db.cursor(name="many") as server:
        server.execute("SELECT id FROM orders")
        assert len(server.fetchmany(2)) == 2
    with db.transaction():
        db.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("orders")))
    db.rollback()
"""
    )
    names = [
        (node.name, node.attributes.get("db.response.affected_rows")) for node in result.find("call").children
    ]
    assert names[:5] == [
        ("INSERT orders", 3),
        ("COPY orders", 1),
        ("SELECT orders", None),
        ("SELECT orders", None),
        ("FETCH many", None),
    ]
    rest = [name for name, _ in names[5:]]
    assert [name for name in rest if not name.startswith(("CLOSE", "DEALLOCATE"))] == [
        "SAVEPOINT",
        "DELETE orders",
        "RELEASE",
        "ROLLBACK",
    ]
    returned = [node.attributes.get("db.response.returned_rows") for node in result.find("call").children]
    assert returned[:5] == [None, None, None, None, 2]
    batch = result.find("INSERT orders")
    assert batch.attributes["db.operation.batch.size"] == 3
    assert [note.name for note in batch.events] == ["command"]  # the implicit BEGIN
    assert result.find("DELETE orders").attributes["db.query.text"] == 'DELETE FROM "orders"'


def test_a_failed_query_is_red_and_its_traceback_free_of_ours(inner: Inner, postgres: str) -> None:
    inner.environment["URL"] = postgres
    inner.write("conftest.py", CONFTEST)
    result = inner.run(
        """
def test_a(db):
    db.execute("SELECT * FROM nothing")
""",
        code=1,
    )
    query = result.find("SELECT nothing")
    assert query.status == "error"
    assert query.attributes["db.response.status_code"] == "42P01"
    assert query.attributes["error.type"] == "UndefinedTable"
    assert query.events[-1].attributes["exception.type"] == "psycopg.errors.UndefinedTable"
    assert "enctest" not in result.output


def test_asynchronous_psycopg_hangs_under_the_right_span(inner: Inner, postgres: str) -> None:
    inner.environment["URL"] = postgres
    result = inner.run(
        """
        import os
        import anyio, psycopg, pytest

        pytestmark = pytest.mark.anyio

        @pytest.fixture(scope="module")
        def anyio_backend():
            return "asyncio"

        @pytest.fixture(scope="module")
        async def db(anyio_backend):
            async with await psycopg.AsyncConnection.connect(os.environ["URL"], autocommit=True) as db:
                await db.execute("SELECT 0")
                yield db

        async def test_a(db):
            await db.execute("SELECT 1")

        async def test_b(db):
            async with anyio.create_task_group() as group:
                group.start_soon(db.execute, "SELECT 2")
            async with db.cursor().copy("COPY (SELECT 3) TO STDOUT") as copy:
                assert [row async for row in copy.rows()] == [("3",)]
        """
    )
    first, second = result.traces.values()
    texts = []
    for trace in (first, second):
        for node in trace.nodes.values():
            if node.kind == "db":
                assert node.parent is not None
                texts.append(
                    (
                        node.parent.name,
                        node.attributes["db.query.text"],
                        node.attributes.get("enctest.detached"),
                    )
                )
    assert texts == [
        ("db", "SELECT 0", None),
        ("call", "SELECT 1", None),
        ("call", "SELECT 2", None),
        ("call", "COPY (SELECT 3) TO STDOUT", None),
    ]


def test_sqlite(inner: Inner) -> None:
    result = inner.run(
        """
        import sqlite3
        import sqlite3.dbapi2
        import pytest

        def test_a():
            db = sqlite3.connect(":memory:")
            assert isinstance(db, sqlite3.Connection)
            assert type(db).__name__ == "Connection"
            db.row_factory = sqlite3.Row
            with db:
                db.execute("CREATE TABLE orders (id INTEGER)")
                db.executemany("INSERT INTO orders VALUES (?)", [(1,), (2,)])
            cursor = db.cursor()
            assert [tuple(row) for row in cursor.execute("SELECT id FROM orders")] == [(1,), (2,)]
            assert [row["id"] for row in db.execute("SELECT id FROM orders WHERE id = :id", {"id": 2})] == [2]
            with pytest.raises(sqlite3.OperationalError):
                db.execute("SELECT * FROM nothing")
            cursor.close()
            db.close()

        class Own(sqlite3.Connection):
            pass

        def test_b():
            assert isinstance(sqlite3.connect(":memory:", factory=Own), Own)
            assert sqlite3.connect is sqlite3.dbapi2.connect
        """,
        "-W",
        "ignore::ResourceWarning",
        "-W",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    )
    trace = result.traces["test_it.py::test_a"]
    queries = [node for node in trace.nodes.values() if node.kind == "db"]
    assert [node.name for node in queries] == [
        "CREATE TABLE orders",
        "INSERT orders",
        "COMMIT",
        "SELECT orders",
        "SELECT orders",
        "SELECT nothing",
    ]
    assert queries[1].attributes["db.response.affected_rows"] == 2
    assert queries[4].attributes["db.query.parameters"] == ["id=2"]
    assert queries[5].status == "error"
    assert {node.attributes["db.system.name"] for node in queries} == {"sqlite"}
