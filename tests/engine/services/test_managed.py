"""Copies of a managed database behind the application's own handle, and superusers, on a real server."""

from __future__ import annotations

import pytest
from tests.engine.services.conftest import MakeProject, bare_pytest

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        pythonpath = ["."]

        [tool.enctest.databases.shop]
        migrations = "migrations"
        env = "SHOP_DATABASE_URL"
        """,
    "migrations/1_items.up.sql": "CREATE TABLE item (name text NOT NULL);\n",
    "shop.py": """
        import psycopg
        from enctest import Database, Service, api

        shop = Database("shop")

        class Items(Service):
            @api
            def add(self, name: str) -> int:
                with psycopg.connect(shop.url) as connection:
                    connection.execute("INSERT INTO item VALUES (%s)", [name])
                    return connection.execute("SELECT count(*) FROM item").fetchone()[0]
        """,
    "test_shop.py": """
        import psycopg
        import pytest
        from enctest import et
        from shop import Items, shop

        def names(url):
            with psycopg.connect(url) as connection:
                return [name for (name,) in connection.execute("SELECT name FROM item")]

        def test_shared():
            Items.add("shared")
            assert "shared" in names(shop.url)

        def test_a_copy_of_its_own():
            before = shop.url
            assert et.new_test_database(shop) == shop.url != before
            assert Items.add("mine") == 1
            assert "mine" not in names(before)

        def test_another_copy(new_test_database):
            new_test_database(shop)
            assert Items.add("mine") == 1

        def test_by_name():
            before = shop.url
            assert names(et.new_test_database("shop")) == []
            assert shop.url == before

        class TestTogether:
            @pytest.fixture(scope="class", autouse=True)
            def copy(self):
                et.new_test_database(shop)

            def test_one(self):
                Items.add("a")
                assert names(shop.url) in (["a"], ["b", "a"])

            def test_two(self):
                Items.add("b")
                assert names(shop.url) in (["b"], ["a", "b"])

        def test_a_superuser():
            et.new_test_database(shop)
            Items.add("mine")
            for handle, expected in ((shop, False), (et.superuser(shop), True)):
                with psycopg.connect(handle.url) as connection:
                    row = connection.execute("SELECT rolsuper, current_database() FROM pg_roles"
                                             " WHERE rolname = current_user").fetchone()
                assert row[0] is expected
                assert names(handle.url) == ["mine"]
            with psycopg.connect(et.superuser(shop).url) as connection:
                connection.execute("TRUNCATE item")
            assert names(shop.url) == []
        """,
}


@pytest.mark.parametrize("args", [("-q",), ("-q", "-n", "2"), ("-q", "-p", "randomly")], ids=str)
def test_handles_point_to_copies(project: MakeProject, args: tuple[str, ...]) -> None:
    done = project(FILES).enctest(*args)
    assert "7 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_handles_point_to_copies_in_the_explorer(project: MakeProject) -> None:
    with project(FILES).watch() as watch:
        found = watch.outcomes()
        assert len(found) == 7
        assert set(found.values()) == {"passed"}
        again = watch.edit(
            "shop.py", '"INSERT INTO item VALUES (%s)"', '"INSERT INTO item (name) VALUES (%s)"'
        )
        assert len(again) == 6
        assert set(again.values()) == {"passed"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("et.new_test_database(shop)", "no database is managed here"),
        ("et.superuser(shop)", "no database is managed here"),
        ("et.superuser('shop')", "superuser takes a database, and str 'shop' is none"),
        ("et.new_test_database(3)", "new_test_database takes a database, and int 3 is none"),
    ],
)
def test_misuse_says_what_is_wrong(project: MakeProject, call: str, message: str) -> None:
    test = f"from enctest import et\nfrom shop import shop\n\ndef test_it():\n    {call}\n"
    done = bare_pytest(project(FILES | {"test_shop.py": test}))
    assert message in done.stdout
    assert "1 failed" in done.stdout
