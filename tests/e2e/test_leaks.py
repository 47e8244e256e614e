"""Connections that tests leave open: named with their place, and closed."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import MakeSample

FILES = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        [tool.enctest.databases.shop]
        migrations = "migrations"
        isolation = "test"
        """,
    "migrations/1_items.up.sql": "CREATE TABLE item (id serial PRIMARY KEY, name text);\n",
    "app.py": """
        import functools
        import os

        import psycopg
        import psycopg_pool

        URL = os.environ["DATABASE_URL"]
        POOL = psycopg_pool.ConnectionPool(URL, min_size=2, open=False)
        OPEN = []

        class Store:
            connection = None

        STORE = Store()

        NAMED = {}

        def named():
            if "one" not in NAMED:
                NAMED["one"] = psycopg.connect(URL)
            return NAMED["one"]

        class Proxy:
            @property
            def __class__(self):
                raise RuntimeError("nobody may look at it now")

        PROXY = Proxy()

        @functools.lru_cache
        def cached():
            return psycopg.connect(URL)

        def stored():
            STORE.connection = STORE.connection or psycopg.connect(URL)
            return STORE.connection

        def leak():
            OPEN.append(psycopg.connect(URL))
        """,
    "test_left.py": """
        import asyncio

        import app
        import asyncpg
        import psycopg
        import psycopg2

        LEFT = []

        def test_psycopg():
            LEFT.append(psycopg.connect(app.URL))
            LEFT[-1].execute("INSERT INTO item (name) VALUES ('tea')")

        def test_psycopg2():
            LEFT.extend(psycopg2.connect(app.URL) for _ in range(3))

        def test_asyncpg():
            async def leave():
                LEFT.append(await asyncpg.connect(app.URL))
            asyncio.run(leave())

        def test_application():
            for _ in range(6):
                app.leak()
        """,
    "test_kept.py": """
        import functools

        import app
        import psycopg
        import pytest

        KEPT = None

        @pytest.fixture(scope="module")
        def shared():
            with psycopg.connect(app.URL) as connection:
                yield connection

        def test_fixture(shared):
            shared.execute("SELECT 1")

        def test_again(shared):
            shared.execute("SELECT 1")

        @pytest.mark.parametrize("time", range(2))
        def test_caches(time):
            app.cached().execute("SELECT 1")
            app.stored().execute("SELECT 1")

        OWN = {}

        @functools.lru_cache
        def cached_here():
            return psycopg.connect(app.URL)

        @pytest.mark.parametrize("time", range(2))
        def test_variable(time):
            if not OWN:
                OWN["one"] = psycopg.connect(app.URL)
            OWN["one"].execute("SELECT 1")
            cached_here().execute("SELECT 1")
            app.named().execute("SELECT 1")
            global KEPT
            KEPT = KEPT or psycopg.connect(app.URL)
            KEPT.execute("SELECT 1")

        def test_pool():
            app.POOL.open(wait=True)
            with app.POOL.connection() as connection:
                connection.execute("SELECT 1")

        def test_closes():
            psycopg.connect(app.URL).close()

        @pytest.mark.xfail(strict=True)
        def test_fails():
            connection = psycopg.connect(app.URL)
            assert connection.closed
        """,
}


def place(name: str, code: str) -> str:
    """Return where a piece of code is."""
    numbers = (number for number, line in enumerate(FILES[name].split("\n"), 1) if code in line)
    return f"{name}:{next(numbers)}"


PLACES = {
    "test_psycopg": f"opened at {place('test_left.py', 'psycopg.connect')}, left open, and closed now",
    "test_psycopg2": f"opened at {place('test_left.py', 'psycopg2.connect')} (and 2 more from there), "
    "left open, and closed now",
    "test_asyncpg": f"opened at {place('test_left.py', 'asyncpg.connect')}, left open, and closed now",
    "test_application": f"opened at {place('app.py', 'OPEN.append')} (and 5 more from there), left open",
}


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize("filters", [(), ("-W", "error::UserWarning")])
def test_named_and_closed(sample: MakeSample, workers: tuple[str, ...], filters: tuple[str, ...]) -> None:
    project = sample(FILES)
    done = project.enctest(*workers, *filters)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if "ConnectionLeftOpenWarning" in line]
    assert len(told) == len(PLACES), done.stdout
    for place in PLACES.values():
        assert sum(line.endswith(place) for line in told) == 1, told
    (psycopg,) = (line for line in told if line.endswith(PLACES["test_psycopg"]))
    assert (
        "of psycopg to shop (idle in transaction after \"INSERT INTO item (name) VALUES ('tea')\")" in psycopg
    )


def test_they_are_closed(sample: MakeSample) -> None:
    project = sample(FILES)
    project.write(
        "test_now.py",
        """
        import app
        import psycopg
        import pytest

        LEFT = []

        def test_1():
            LEFT.append(psycopg.connect(app.URL))
            LEFT.append(LEFT[0].info.backend_pid)

        @pytest.mark.database(isolation="shared")
        def test_2():
            with pytest.raises(psycopg.OperationalError):
                LEFT[0].execute("SELECT 1")
            with psycopg.connect(app.URL) as connection:
                sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
                assert connection.execute(sql, [LEFT[1]]).fetchone() == (0,)
        """,
    )
    done = project.enctest("-p", "no:randomly", "test_now.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_the_explorer(sample: MakeSample) -> None:
    project = sample(FILES)
    with project.watch() as watch:
        assert set(watch.outcomes().values()) <= {"passed", "xfailed"}
        nodeid = "test_left.py::test_psycopg2"
        (finished,) = (each for each in watch.new("test_finished") if each["test"] == nodeid)
        (section,) = (each for each in finished["sections"] if "connections" in each["title"])
        assert section["text"].endswith(PLACES["test_psycopg2"])
        told = project.enctest("trace", nodeid).stdout
        assert "WARNING enctest.databases: connection " in told
        assert "of psycopg2 to shop" in told
