"""SQLite, Valkey and S3 in isolation `test`: made fresh in place between two tests."""

from __future__ import annotations

from tests.e2e.conftest import MakeSample
from tests.e2e.test_engines import FILES, PYPROJECT

ISOLATED = """
    import os
    import sqlite3
    import boto3
    import pytest
    import redis

    SHOP = sqlite3.connect(os.environ["SHOP_FILE"])
    CACHE = redis.from_url(os.environ["REDIS_URL"])
    UPLOADS = boto3.client("s3")

    @pytest.fixture(autouse=True)
    def rows():
        SHOP.execute("INSERT INTO item (name) VALUES ('milk')")
        SHOP.commit()
        CACHE.incr("milk")
        UPLOADS.put_object(Bucket="uploads", Key=str(UPLOADS.list_objects_v2(Bucket="uploads")["KeyCount"]))

    def everything():
        (rows,) = SHOP.execute("SELECT count(*) FROM item").fetchone()
        return rows, int(CACHE.get("milk")), UPLOADS.list_objects_v2(Bucket="uploads")["KeyCount"]

    @pytest.mark.parametrize("number", range(3))
    def test_alone(number):
        assert everything() == (1, 1, 1)

    def test_transaction_left_open():
        SHOP.execute("INSERT INTO item (name) VALUES ('tea')")
        assert everything() == (2, 1, 1)

    def test_after_it():
        assert everything() == (1, 1, 1)
    """


def test_in_isolation_test_each_has_fresh_ones_beneath_open_connections(sample: MakeSample) -> None:
    pyproject = "\n".join(
        f'{line}\nisolation = "test"' if line.startswith("engine") else line
        for line in PYPROJECT.splitlines()
    )
    project = sample(FILES | {"pyproject.toml": pyproject, "test_engines.py": ISOLATED})
    done = project.enctest("-p", "no:randomly")
    assert done.returncode == 0, done.stdout + done.stderr
    with project.watch("-n", "2") as watch:
        ran = watch.edit("test_engines.py", "== (1, 1, 1)", "== (1, 1, 1), number")
        assert set(ran) == {
            "test_engines.py::test_after_it",
            *(f"test_engines.py::test_alone[{n}]" for n in range(3)),
        }
        assert set(ran.values()) == {"passed"}


def test_a_marker_says_which_tests_have_which_fresh(sample: MakeSample) -> None:
    marked = """
        import os
        import sqlite3
        from contextlib import closing
        import pytest
        import redis

        def counts():
            with closing(sqlite3.connect(os.environ["SHOP_FILE"])) as shop, shop:
                shop.execute("INSERT INTO item (name) VALUES ('milk')")
                (rows,) = shop.execute("SELECT count(*) FROM item").fetchone()
            with redis.from_url(os.environ["REDIS_URL"]) as client:
                return client.incr("n"), rows

        def test_1():
            assert counts() == (1, 1)

        def test_2():
            assert counts() == (2, 2)

        @pytest.mark.database("shop", isolation="test")
        def test_3():
            assert counts() == (3, 1)

        @pytest.mark.database(isolation="test")
        def test_4():
            assert counts() == (1, 1)
        """
    done = sample(FILES | {"test_engines.py": marked}).enctest("-p", "no:randomly", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr


IN_MEMORY = """
    import os
    import sqlite3
    import threading
    import pytest

    SHOP = sqlite3.connect(os.environ["SHOP"], uri=True)

    def add():
        with sqlite3.connect(os.environ["SHOP"], uri=True) as other:
            other.execute("INSERT INTO item (name) VALUES ('milk')")

    @pytest.mark.parametrize("number", range(4))
    def test_alone(number):
        thread = threading.Thread(target=add)
        thread.start()
        thread.join()
        assert SHOP.execute("SELECT count(*), max(name) FROM item").fetchone() == (1, "milk")

    def test_schema():
        names = [row[1] for row in SHOP.execute("PRAGMA table_info(item)")]
        assert names in (["id", "name"], ["id", "name", "price"])
        print(names)
    """


def test_a_database_in_memory_is_each_process_s_own(sample: MakeSample) -> None:
    pyproject = """
        [tool.enctest.databases.shop]
        engine = "sqlite"
        migrations = "migrations"
        env = {SHOP = "{path}", DATABASE_URL = "{url}"}
        options = {memory = true}
        isolation = "test"
        """
    project = sample(FILES | {"pyproject.toml": pyproject, "test_engines.py": IN_MEMORY})
    for args in (["-n", "2"], ["-n", "2", "--dist", "load"]):
        done = project.enctest(*args)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "5 passed" in done.stdout
        assert "one process" not in done.stdout
    with project.watch("-n", "2") as watch:
        watch.mark()
        project.write("migrations/2_price.up.sql", "ALTER TABLE item ADD price int;\n")
        watch.idle()
        assert set(watch.outcomes().values()) == {"passed"}
        assert "test_engines.py::test_schema" in watch.outcomes()
        (told,) = [e for e in watch.new("test_finished") if e["test"] == "test_engines.py::test_schema"]
        assert "price" in told["sections"][0]["text"]
