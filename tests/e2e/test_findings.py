"""What `enctest trace` and `enctest report` find in real tests: loops of queries, and missing indexes."""

from __future__ import annotations

from tests.e2e.conftest import MakeSample

TEST = "test_orders.py::test_history"
FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        pythonpath = ["."]
        [tool.enctest.databases.shop]
        migrations = "migrations"
        """,
    "migrations/1_orders.up.sql": """
        CREATE TABLE orders (id serial PRIMARY KEY, customer text, state text);
        CREATE TABLE line (order_id int, name text);
        CREATE INDEX line_by_order ON line (order_id);
        """,
    "shop.py": """
        import os
        import psycopg

        def order(connection, customer):
            number = connection.execute(
                "INSERT INTO orders (customer) VALUES (%s) RETURNING id", (customer,)
            ).fetchone()[0]
            connection.execute("INSERT INTO line VALUES (%s, %s)", (number, "tea"))

        def history(customer):
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                for _ in range(3):
                    order(connection, customer)
                orders = connection.execute(
                    "SELECT id FROM orders WHERE customer = %s", (customer,)
                ).fetchall()
                return [lines(connection, number) for (number,) in orders]

        def lines(connection, number):
            return connection.execute("SELECT name FROM line WHERE order_id = %s", (number,)).fetchall()
        """,
    "test_orders.py": """
        import shop

        def test_history():
            assert len(shop.history("ada")) == 3
        """,
}


def test_a_loop_and_a_missing_index_are_found_where_they_are(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch():
        shown = project.enctest("trace", TEST).stdout.splitlines()
    found = [line.strip() for line in shown if line.startswith("  ") and ".py:" in line and ": " in line]
    assert found[-2:] == [
        "repeated-query: 3x SELECT line, once for each row of SELECT orders  shop.py:21",
        "missing-index: SELECT orders reads every row of orders  shop.py:15",
    ]
    assert any("No index serves (customer = $1)" in line for line in shown)
    # Without a server only the traces can tell.
    alone = project.enctest("trace", TEST).stdout
    assert "repeated-query" in alone
    assert "missing-index" not in alone

    report = project.root / "report.html"
    assert project.enctest("report", str(report)).returncode == 0
    assert "repeated-query: 3x SELECT line" in report.read_text()


def test_other_views_of_a_trace(sample: MakeSample) -> None:
    project = sample({"test_it.py": "import time\ndef test_it(tmp_path): time.sleep(0.02)\n"})
    assert project.enctest("-q").returncode == 0
    table = project.enctest("trace", "test_it.py::test_it", "--stats").stdout
    assert "operation" in table.splitlines()[1]
    assert "call  [phase]" in table.splitlines()[2]  # most time of its own first
    path = project.enctest("trace", "test_it.py::test_it", "--critical-path").stdout
    assert "    call  [phase]" in path or "  call  [phase]" in path
    wrong = project.enctest("trace", "test_it.py::test_it", "--stat")
    assert wrong.returncode != 0
    assert "takes one node id" in wrong.stderr
